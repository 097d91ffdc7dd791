import { defineConfig } from "vitest/config";

const conditions = { ssr: { resolve: { conditions: ["drayage-source"] } } };
/** Real processes on two busy cores: minutes at worst, and a hang must still end. */
const E2E_TIMEOUT_MS = 300_000;

export default defineConfig({
  test: {
    projects: [
      {
        ...conditions,
        test: {
          name: "unit",
          include: [
            "*.test.ts",
            "examples/**/*.test.ts",
            "tools/**/*.test.ts",
            "e2e/harness/**/*.test.ts",
            "chaos/**/*.test.ts",
          ],
        },
      },
      {
        ...conditions,
        test: {
          name: "e2e",
          include: ["e2e/**/*.e2e.test.ts"],
          testTimeout: E2E_TIMEOUT_MS,
          hookTimeout: E2E_TIMEOUT_MS,
        },
      },
    ],
  },
});

import { defineProject } from "vitest/config";

/** Tests that say so run beside others of their file; three at once keep two cores busy, since they mostly wait for processes. */
const BESIDE = 3;

export default defineProject({
  ssr: { resolve: { conditions: ["drayage-source"] } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxConcurrency: BESIDE,
    globalSetup: "./src/testing/global-server.ts",
  },
});

import { defineConfig } from "vitest/config";

/** All unit tests in one process, for coverage and for the editor. Turbo runs the same tests package by package. */
export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts", "apps/*/src/**/*.ts"],
      reporter: ["text", "lcov"],
    },
  },
});

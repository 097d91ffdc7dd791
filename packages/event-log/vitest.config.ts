import { defineProject } from "vitest/config";

/** Tests that say so run beside others of their file; three at once keep two cores busy, since they mostly wait for processes. */
const BESIDE = 3;

export default defineProject({
  ssr: { resolve: { conditions: ["drayage-source"] } },
  // On a machine that is busy with other tests everything takes many times as long; no test is about time.
  test: { testTimeout: 60_000, hookTimeout: 60_000, maxConcurrency: BESIDE },
});

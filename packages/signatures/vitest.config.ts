import { defineProject } from "vitest/config";

export default defineProject({
  ssr: { resolve: { conditions: ["drayage-source"] } },
  // On a machine that is busy with other tests everything takes many times as long; no test is about time.
  test: { testTimeout: 30_000, hookTimeout: 60_000 },
});

import { defineProject } from "vitest/config";

export default defineProject({
  ssr: { resolve: { conditions: ["drayage-source"] } },
  // Tests start real processes and databases; on a busy machine that takes many times as long as on an idle one.
  test: { testTimeout: 90_000, hookTimeout: 90_000 },
});

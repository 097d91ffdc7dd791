import { defineProject } from "vitest/config";

export default defineProject({
  ssr: { resolve: { conditions: ["drayage-source"] } },
  // The first test of a file starts a database server, on machines that have other things to do.
  test: { testTimeout: 30_000, globalSetup: "../event-log/src/testing/global-server.ts" },
});

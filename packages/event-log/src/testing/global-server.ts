/**
 * For `globalSetup` in a vitest.config.ts: one server for all test files of a package. Without it each file that needs one starts its own,
 * a second or two every time.
 */
import * as Redacted from "effect/Redacted";
import { startTestServer } from "./start-server.ts";
import { TEST_SERVER } from "./test-server-url.ts";

export default async (): Promise<() => Promise<void>> => {
  const server = await startTestServer();
  process.env[TEST_SERVER] = Redacted.value(server.url); // workers are started with our environment
  return async () => {
    delete process.env[TEST_SERVER];
    await server.stop();
  };
};

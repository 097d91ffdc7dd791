import * as Redacted from "effect/Redacted";
import pg from "pg";
import { afterAll } from "vitest";
import { startTestServer, type TestServer } from "./start-server.ts";
import { TEST_SERVER } from "./test-server-url.ts";

let server: Promise<Pick<TestServer, "url" | "stop">> | undefined;

/** Imported by a test file, this module stops the server that it has started after the last test of the file. */
afterAll(async () => {
  const started = server;
  await spare?.catch(() => {});
  spare = undefined;
  server = undefined;
  await (await started)?.stop();
}, 60_000);

/** That of the global setup, if there is one, else one for this file, started by the first test that asks. */
export const testServer = (): Promise<Pick<TestServer, "url" | "stop">> => {
  const given = process.env[TEST_SERVER];
  server ??=
    given === undefined ? startTestServer() : Promise.resolve({ url: Redacted.make(given), stop: async () => {} });
  return server;
};

const administer = async (url: Redacted.Redacted<string>, statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: Redacted.value(url) });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};

let databases = 0;
interface Empty {
  readonly name: string;
  readonly url: Redacted.Redacted<string>;
}
const makeEmpty = async (): Promise<Empty> => {
  const { url } = await testServer();
  const name = `test_${process.pid}_${++databases}`;
  await administer(url, `create database ${name}`);
  const own = new URL(Redacted.value(url));
  own.pathname = `/${name}`;
  return { name, url: Redacted.make(own.href) };
};

/** Made while the test before runs: a third of a short test would else be waiting for it. */
let spare: Promise<Empty> | undefined;

/** An empty database of its own, dropped with everybody's connections to it. */
export const createTestDatabase = async (): Promise<{
  readonly url: Redacted.Redacted<string>;
  readonly drop: () => Promise<void>;
}> => {
  const taken = spare ?? makeEmpty();
  spare = taken.then(makeEmpty);
  spare.catch(() => {}); // whoever takes it hears of it; nobody does after the last test
  const { name, url } = await taken;
  const { url: server } = await testServer();
  return { url, drop: () => administer(server, `drop database if exists ${name} with (force)`) };
};

import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Redacted from "effect/Redacted";
import * as Scope from "effect/Scope";
import pg from "pg";
import { afterAll } from "vitest";
import { layoutOf } from "../embedded/cluster.ts";
import { openEmbedded } from "../embedded/open.ts";
import { findPostmaster } from "../embedded/postmaster.ts";
import { running } from "../embedded/process.ts";
import { stopServer } from "../embedded/server.ts";
import { seedCluster } from "./cluster-template.ts";

/** One embedded server for all tests of a file, as durable as in production; started by the first test that asks. */
interface TestServer {
  /** Of the maintenance database. */
  readonly url: Redacted.Redacted<string>;
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}

const PREFIX = "drayage-test-";

/** A run that was killed leaves its server and its files. Its successor takes them away. */
const removeLeftovers = async (): Promise<void> => {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!Number.isInteger(pid) || (await running(pid)) !== undefined) continue;
    const dataDir = join(tmpdir(), name);
    const server = await findPostmaster(layoutOf(dataDir).cluster);
    if (server !== undefined) await stopServer(server);
    await rm(dataDir, { recursive: true, force: true });
  }
};

const start = async (): Promise<TestServer> => {
  await removeLeftovers();
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  await seedCluster(dataDir);
  const scope = Scope.makeUnsafe();
  const server = await Effect.runPromise(Scope.provide(openEmbedded({ dataDir, role: "owner" }), scope));
  const stop = async (): Promise<void> => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: server.url, dataDir, stop };
};

let server: Promise<TestServer> | undefined;

/** Imported by a test file, this module stops the server after its last test. */
afterAll(async () => {
  const started = server;
  await spare?.catch(() => {});
  spare = undefined;
  server = undefined;
  await (await started)?.stop();
}, 60_000);

export const testServer = (): Promise<TestServer> => {
  server ??= start();
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

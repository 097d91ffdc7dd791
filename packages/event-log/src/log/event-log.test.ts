import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { afterAll, beforeAll } from "vitest";
import { layerDatabase } from "../database/layer.ts";
import { eventLogContract } from "../testing/event-log-contract.ts";
import { startTcpServer, type TcpServer } from "../testing/tcp-server.ts";
import { EventLog } from "./event-log.ts";
import { eventLogMigrations } from "./migrations.ts";

/** Of a server that the tests may use: a role that may create databases. Without it, one is started from the binaries of the embedded one. */
const GIVEN = process.env["DRAYAGE_TEST_DATABASE"];

let server: TcpServer | undefined;
beforeAll(async () => {
  if (GIVEN === undefined) server = await startTcpServer();
}, 120_000);
afterAll(() => server?.dispose(), 60_000);

let databases = 0;
const serverUrl = (): string => GIVEN ?? Redacted.value(server?.url ?? Redacted.make(""));
const administer = async (statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};
const emptyDatabase = Effect.acquireRelease(
  Effect.promise(async () => {
    const name = `drayage_test_${process.pid}_${++databases}`;
    await administer(`create database ${name}`);
    return name;
  }),
  (name) => Effect.promise(() => administer(`drop database if exists ${name} with (force)`)),
);

eventLogContract("PostgreSQL server over TCP", () =>
  Layer.unwrap(
    Effect.map(emptyDatabase, (name) => {
      const url = new URL(serverUrl());
      url.pathname = `/${name}`;
      const database = { _tag: "Server", url: Redacted.make(url.href) } as const;
      return Layer.provideMerge(
        EventLog.layer,
        layerDatabase({ database, instance: "test", migrations: [eventLogMigrations] }),
      );
    }),
  ),
);

/** Invariant 1: an answer of 202 means that the event survives `kill -9` of every process and of the database. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTcpServer } from "@drayage/event-log/testing/tcp-server";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { stopDatabase } from "./harness/database.ts";
import { type Ingest, prepareIngest } from "./harness/ingest.ts";

const KILLS = 20;
const SENDERS = 16;
const TEST = { timeout: 600_000 };

let folder = "";
let ingest: Ingest | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drayage-durable-"));
});
afterEach(async () => {
  await ingest?.child().stop({ signal: "SIGKILL" });
  await stopDatabase(join(folder, "data"));
  await rm(folder, { recursive: true, force: true });
});

const ask = async <Row extends pg.QueryResultRow>(url: string, text: string): Promise<ReadonlyArray<Row>> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Row>(text).finally(() => client.end());
  return rows;
};

it(`no accepted event is lost in ${KILLS} kills of ingest and ${KILLS} of its database`, TEST, async () => {
  const running = await prepareIngest(folder, {});
  ingest = running;
  const accepted = new Set<number>();
  let tag = 0;
  /** Senders that go on until so many more are accepted, or their connections are cut. */
  const send = (until: number, whenEnough: () => void): Promise<unknown> => {
    let enough = false;
    return Promise.all(
      Array.from({ length: SENDERS }, async () => {
        while (accepted.size < until) {
          const position = await running.push(`v${tag++}`).catch(() => undefined);
          if (position !== undefined) accepted.add(position);
          else if (!running.child().running()) return;
        }
        if (!enough) whenEnough();
        enough = true;
      }),
    );
  };
  for (let round = 0; round < KILLS; round++) {
    await running.up();
    const database = await postmaster(join(folder, "data"));
    // The database dies under load, at another place each time; in every fourth round ingest with it, else after it has gone on.
    await send(accepted.size + 30 + round * 5, () => process.kill(database, "SIGKILL"));
    if (round % 4 !== 3) await send(accepted.size + 30, () => {});
    await running.child().stop({ signal: "SIGKILL" });
  }
  await running.up();
  const { url, stop } = await embeddedUrl(running);
  const stored = new Set(
    (await ask<{ position: string }>(url, "select position from event")).map((row) => Number(row.position)),
  );
  await stop();
  expect(accepted.size).toBeGreaterThan(KILLS * 60);
  expect([...accepted].filter((position) => !stored.has(position))).toEqual([]);
});

/** `postmaster.pid` has the pid in its first line, the socket's directory in its fifth, the port in its fourth. */
const postmasterFile = async (dataDir: string): Promise<ReadonlyArray<string>> =>
  (await readFile(join(dataDir, "postgres/cluster/postmaster.pid"), "utf8")).split("\n");
const postmaster = async (dataDir: string): Promise<number> => {
  const pid = Number((await postmasterFile(dataDir))[0]);
  if (!(pid > 1)) throw new Error("no postmaster");
  return pid;
};
const embeddedUrl = async (running: Ingest) => {
  const [, , , port, directory = ""] = await postmasterFile(join(folder, "data"));
  const url = `postgres://postgres@localhost:${port}/drayage?host=${encodeURIComponent(directory)}`;
  return { url, stop: () => running.child().stop() };
};

it("no 202 comes before the flush of its commit, as the server counts", TEST, async () => {
  // Nobody but a commit writes to the log of this server, and nobody but a commit flushes it. A kill cannot show a missing flush, since the system's cache outlives it.
  const quiet = [
    "wal_writer_delay=10s",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "checkpoint_timeout=1h",
  ];
  const server = await startTcpServer(quiet);
  const client = new pg.Client({ connectionString: Redacted.value(server.url) });
  const running = await prepareIngest(folder, { database: Redacted.value(server.url) });
  ingest = running;
  const number = async (text: string): Promise<number> => Number((await client.query(text)).rows[0]?.n);
  const unflushed = () => number("select pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn() as n");
  const fsyncs = () => number("select sum(fsyncs) as n from pg_stat_io where object = 'wal'");
  try {
    await client.connect();
    await running.up();
    const before = await fsyncs();
    for (let n = 0; n < 30; n++) {
      // Alone, and with others in one group commit.
      const tags = Array.from({ length: n % 3 === 0 ? 1 : SENDERS }, (_, m) => `v${n}-${m}`);
      const positions = await Promise.all(tags.map((tag) => running.push(tag)));
      expect(await unflushed()).toBe(0);
      expect(positions).not.toContain(undefined);
    }
    // Backends tell their statistics at most once a second.
    await expect.poll(fsyncs, { timeout: 20_000 }).toBeGreaterThanOrEqual(before + 30);
    // A commit that does not flush is seen by this way of looking.
    await client.query("set synchronous_commit = off");
    await client.query("insert into event_archive (from_position, to_position, events, file) values (-1, 0, 0, 'x')");
    expect(await unflushed()).toBeGreaterThan(0);
  } finally {
    await client.end();
    await running.child().stop();
    await server.dispose();
  }
});

/**
 * Retention: a partition whose youngest event is older than asked for is written to a file and dropped, in this order. The file is whole and on
 * the disk before anything goes, so a crash at any moment costs at most the work.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import { cloudEvent } from "./cloud-event.ts";
import { type Partition, partitions } from "./partitions.ts";
import { type EventRow, toEvent } from "./read.ts";

export interface ArchiveOptions {
  /** Events recorded before this may go. */
  readonly before: Date;
  /** Where the files go, made when it is missing. */
  readonly directory: string;
  /** Nothing goes that one of these has still to act on: a subscriber with a checkpoint before it, and the types it acts on. */
  readonly subscribers: ReadonlyArray<{ readonly name: string; readonly types: ReadonlyArray<string> }>;
}

/** A part of the log that lies in a file now. */
export interface Archived {
  readonly file: string;
  readonly from: number;
  /** Without it. */
  readonly to: number;
  readonly events: number;
}

/** As many as fit well into memory. */
const PAGE_EVENTS = 1_000;
/** DETACH locks the log for the moment that it takes, after all transactions on it: those that run longer hold us up, and we would hold up all others. */
const DETACH_LOCK_TIMEOUT = "1s";

/** Archives what may go, the oldest first, and stops at the first partition that has to stay. */
export const archive = async (db: Kysely<object>, options: ArchiveOptions): Promise<ReadonlyArray<Archived>> => {
  const done: Array<Archived> = [];
  for (const partition of await partitions(db)) {
    if (!(await mayGo(db, partition, options))) break;
    const written = await write(db, partition, options.directory);
    await drop(db, partition, written);
    if (written.events > 0) done.push(written);
  }
  return done;
};

/** Only what is full: a position beyond it is visible, so none within it is still to be committed (invariant 2). */
const mayGo = async (
  db: QueryExecutorProvider,
  { table, to }: Partition,
  { before, subscribers }: ArchiveOptions,
): Promise<boolean> => {
  const { rows } = await sql<{ full: boolean; young: boolean; wanted: boolean }>`
    select exists (select from event where position >= ${to}::bigint) as full,
      coalesce((select recorded_at >= ${before.toISOString()}::timestamptz from ${sql.table(table)} order by position desc limit 1), false) as young,
      exists (
        select from unnest(${subscribers.flatMap(({ name, types }) => types.map(() => name))}::text[],
          ${subscribers.flatMap(({ types }) => types)}::text[]) as asked (subscriber, type)
        join checkpoint c using (subscriber)
        where exists (select from ${sql.table(table)} e where e.type = asked.type and e.position > c.position)
      ) as wanted`.execute(db);
  return rows[0]?.full === true && !rows[0].young && !rows[0].wanted;
};

const write = async (db: Kysely<object>, { table, from, to }: Partition, directory: string): Promise<Archived> => {
  const file = join(directory, `events-${from}-${to - 1}.jsonl.gz`);
  const apart = `${file}.${process.pid}`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let events = 0;
  const lines = async function* () {
    for (let after = -1; ; ) {
      const { rows } = await sql<EventRow>`
        select * from ${sql.table(table)} where position > ${after}::bigint order by position limit ${PAGE_EVENTS}`.execute(
        db,
      );
      events += rows.length;
      yield rows.map((row) => `${JSON.stringify(cloudEvent(toEvent(row)))}\n`).join("");
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.position;
    }
  };
  try {
    await pipeline(lines, createGzip(), createWriteStream(apart, { mode: 0o600, flush: true }));
    await rename(apart, file);
  } finally {
    await rm(apart, { force: true });
  }
  await flushDirectory(directory);
  return { file, from, to, events };
};

/** A name is on the disk when its directory is. */
const flushDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
};

/** Reads the file back first: what is dropped then is gone. */
const drop = async (db: Kysely<object>, { table }: Partition, written: Archived): Promise<void> => {
  const lines = await countLines(written.file);
  await db.transaction().execute(async (trx) => {
    await sql.raw(`set local lock_timeout = '${DETACH_LOCK_TIMEOUT}'`).execute(trx);
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(trx);
    if (rows[0]?.count !== lines) throw new Error(`${written.file} holds ${lines} events, ${table} ${rows[0]?.count}`);
    await sql`alter table event detach partition ${sql.table(table)}`.execute(trx);
    await sql`drop table ${sql.table(table)}`.execute(trx);
    await sql`
      insert into event_archive (from_position, to_position, events, file)
      values (${written.from}, ${written.to}, ${written.events}, ${written.file})`.execute(trx);
  });
};

const countLines = async (file: string): Promise<number> => {
  let lines = 0;
  const text = createReadStream(file).pipe(createGunzip());
  for await (const _ of createInterface({ input: text })) lines++;
  return lines;
};

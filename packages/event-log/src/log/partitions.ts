/**
 * The log lies in partitions by position: `event_p<from>` holds the positions from `from` on, the first one all before as well. A full one is never written
 * again, so it can be archived and dropped at once, without a trace in the tables that live (archive.ts).
 *
 * Partitions are made ahead of need and attached, which holds up neither appends nor readers (ATTACH takes SHARE UPDATE EXCLUSIVE; CREATE TABLE …
 * PARTITION OF would lock all out).
 */
import { type Kysely, type QueryExecutorProvider, sql } from "kysely";

/** Half a gigabyte of events. Retention goes by whole partitions, so fewer would keep more than was asked for; more would cost every read. */
export const PARTITION_POSITIONS = 1_000_000;
/** Empty partitions behind the one that is written: at 20,000 events a second there is a minute to make the next, and a version that knows nothing of partitions can run for two million events. */
const PARTITIONS_AHEAD = 2;
/** Key of the advisory lock under which partitions are made: an arbitrary number, "part" in ASCII. Never change it. */
const PARTITION_LOCK = 0x70617274;
/** ATTACH waits for transactions that hold the table in another way (archiving): the next look is soon enough. */
const ATTACH_LOCK_TIMEOUT = "2s";

/** Positions from `from` up to, and without, `to`. */
export interface Partition {
  readonly table: string;
  /** 0 for the first. */
  readonly from: number;
  readonly to: number;
}

const BOUND = /^FOR VALUES FROM \((MINVALUE|'\d+')\) TO \('(\d+)'\)$/;

/** All that are attached, in order. */
export const partitions = async (db: QueryExecutorProvider): Promise<ReadonlyArray<Partition>> => {
  const { rows } = await sql<{ name: string; bound: string }>`
    select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'event'::regclass`.execute(db);
  return rows
    .map(({ name, bound }): Partition => {
      const [, from = "", to] = BOUND.exec(bound) ?? [];
      if (to === undefined)
        throw new Error(`table ${name} is a partition of the log that Drayage did not make: ${bound}`);
      return { table: name, from: from === "MINVALUE" ? 0 : Number(from.slice(1, -1)), to: Number(to) };
    })
    .sort((a, b) => a.from - b.from);
};

/** Position that the next event may get, at least. */
const nextPosition = async (db: QueryExecutorProvider): Promise<number> => {
  const { rows } = await sql<{ next: number }>`
    select last_value + case when is_called then 1 else 0 end as next from event_position`.execute(db);
  return rows[0]?.next ?? 1;
};

/** Where the partition of a position ends, in the grid of all partitions. */
export const endOfPartition = (position: number): number =>
  (Math.floor((position - 1) / PARTITION_POSITIONS) + 1) * PARTITION_POSITIONS + 1;

/** Makes what is missing ahead. Gives the first position for which there is no partition. Safe beside other processes that do the same. */
export const ensurePartitions = async (db: Kysely<object>): Promise<number> => {
  const wanted = endOfPartition(await nextPosition(db)) + PARTITIONS_AHEAD * PARTITION_POSITIONS;
  const there = (await partitions(db)).at(-1)?.to ?? 1;
  if (there >= wanted) return there;
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(PARTITION_LOCK)})`.execute(trx);
    await sql.raw(`set local lock_timeout = '${ATTACH_LOCK_TIMEOUT}'`).execute(trx);
    return makePartitions(trx, wanted);
  });
};

/** Up to `until`, in the caller's transaction. */
export const makePartitions = async (db: QueryExecutorProvider, until: number): Promise<number> => {
  let from = (await partitions(db)).at(-1)?.to ?? 1;
  for (; from < until; from = endOfPartition(from)) {
    const table = `event_p${from}`;
    await sql.raw(`create table ${table} (like event including defaults including indexes)`).execute(db);
    await sql
      .raw(`alter table event attach partition ${table} for values from (${from}) to (${endOfPartition(from)})`)
      .execute(db);
  }
  return from;
};

const NO_PARTITION = /^no partition of relation "event" found/;
/** An append came to the end of the partitions: nobody has looked for long. It has changed nothing and can be done again after `ensurePartitions`. */
export const lacksPartition = (error: unknown): boolean => error instanceof Error && NO_PARTITION.test(error.message);

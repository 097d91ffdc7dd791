import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import { BrokenInvariant, DatabaseError } from "../database/errors.ts";
import type { OpenTransaction } from "./insert.ts";
import type { LogTables } from "./tables.ts";

/** Where a subscriber is; undefined for one that never had a checkpoint. */
export const readCheckpoint = async (db: Kysely<object>, subscriber: string): Promise<number | undefined> => {
  const row = await db
    .withTables<LogTables>()
    .selectFrom("checkpoint")
    .select("position")
    .where("subscriber", "=", subscriber)
    .executeTakeFirst();
  return row?.position;
};

/** A checkpoint, and when it was last moved. */
export interface Checkpoint {
  readonly position: number;
  readonly movedAt: Date;
}

/** Of several subscribers at once; one that never had a checkpoint is left out. For pages that show all of them with one query. */
export const readCheckpoints = async (
  db: QueryExecutorProvider,
  subscribers: ReadonlyArray<string>,
): Promise<ReadonlyMap<string, Checkpoint>> => {
  const { rows } = await sql<{ subscriber: string; position: number; updated_at: Date }>`
    select subscriber, position, updated_at from checkpoint where subscriber = any(${subscribers}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.subscriber, { position: row.position, movedAt: row.updated_at }]));
};

export interface Advance {
  readonly subscriber: string;
  /**
   * Where the caller believes the checkpoint to be; 0 stands for none yet. When somebody else has moved it, the call
   * rejects with a transient `DatabaseError` (code 40001): roll back, read the checkpoint, start again. Default: not asked.
   */
  readonly from?: number | undefined;
  readonly to: number;
}

const SERIALIZATION_FAILURE = "40001"; // what it is: another transaction came first

/**
 * Moves a checkpoint in the transaction that holds the effects of the events up to it.
 *
 * Invariant 2 (DESIGN.md section 5): a checkpoint never goes back, and never beyond the last position that was given out. Either
 * would be a mistake of the caller and is a `BrokenInvariant`. To where it is already is no move and no mistake.
 */
export const advanceWithin = async (trx: OpenTransaction, { subscriber, from, to }: Advance): Promise<void> => {
  if (!Number.isSafeInteger(to) || to < 0 || (from !== undefined && to < from)) {
    throw new BrokenInvariant(`checkpoint ${subscriber} asked to go from ${from} to ${to}`);
  }
  const { rows } = await sql<{ given: number; before: number | null }>`
    with before as (select position from checkpoint where subscriber = ${subscriber} for update)
    select (select last_value from event_position) as given, (select position from before) as before`.execute(trx);
  const [row] = rows;
  const before = row?.before ?? 0;
  if (from !== undefined && before !== from) throw moved(subscriber, from, before);
  if (to < before) throw new BrokenInvariant(`checkpoint ${subscriber} is at ${before} and must not go back to ${to}`);
  if (to > (row?.given ?? 0)) {
    throw new BrokenInvariant(`checkpoint ${subscriber} asked to go to ${to}, beyond the end of the log`);
  }
  // Two first moves at the same time: there was no row to lock, so the second finds the first one's row here.
  const { numAffectedRows } = await sql`
    insert into checkpoint (subscriber, position) values (${subscriber}, ${to})
    on conflict (subscriber) do update set position = excluded.position, updated_at = now()
    where checkpoint.position = ${before}`.execute(trx);
  if (numAffectedRows !== 1n) throw moved(subscriber, before, undefined);
};

const moved = (subscriber: string, from: number, found: number | undefined): DatabaseError =>
  new DatabaseError({
    operation: `advance checkpoint ${subscriber}`,
    code: SERIALIZATION_FAILURE,
    transient: true,
    detail: `it was expected at ${from} and is ${found === undefined ? "elsewhere" : `at ${found}`}: another process moved it`,
    cause: undefined,
  });

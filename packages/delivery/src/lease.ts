import type { WorkItem } from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { INTENDED_MOST } from "./limits.ts";

/**
 * Owner of invariant 6 on the side of the books: whoever writes for an item says this in its WHERE. The generation fences off a
 * worker whose delivery was claimed again; the time, by the clock of the database alone, one that nobody has
 * replaced yet. No row means `LeaseLost`.
 */
export const isCurrent = (item: WorkItem, neededMs = 0): RawBuilder<unknown> => sql`
  d.id = ${item.delivery}::bigint and d.generation = ${item.generation}::bigint and d.state = 'leased'
  and d.lease_until > clock_timestamp() + ${neededMs}::float8 * interval '1 millisecond'`;

/** The new end of the lease; undefined when it is lost. */
export const extendLease = async (
  db: QueryExecutorProvider,
  item: WorkItem,
  leaseMs: number,
): Promise<Date | undefined> => {
  const { rows } = await sql<{ until: Date }>`
    update delivery d set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where ${isCurrent(item)} returning d.lease_until as until`.execute(db);
  return rows[0]?.until;
};

/** Writes down what is about to be put. False: the lease is lost, or lasts less than `neededMs`. */
export const intendDigest = async (
  db: QueryExecutorProvider,
  item: WorkItem,
  digest: Digest,
  neededMs: number,
): Promise<boolean> => {
  const { rows } = await sql<{ id: string }>`
    update delivery d set intended = (array_append(array_remove(d.intended, ${digest}), ${digest}))[
      greatest(1, cardinality(array_remove(d.intended, ${digest})) + 2 - ${INTENDED_MOST}::int) :]
    where ${isCurrent(item, neededMs)} returning d.id::text as id`.execute(db);
  return rows.length === 1;
};

/** Hands an item back. Nothing happens when it is not ours any more. */
export const releaseLease = async (db: QueryExecutorProvider, item: WorkItem, at: Date): Promise<void> => {
  const { rows } = await sql<{ waiting: boolean }>`
    update delivery d set state = 'pending', due_at = ${at.toISOString()}::timestamptz,
      waiting = ${at.toISOString()}::timestamptz > now(), lost = 0, lease_owner = null, lease_until = null,
      attempts = case when d.since_claim_news then 0 else d.attempts end,
      absent_since = case when d.since_claim_news then null else d.absent_since end
    where d.id = ${item.delivery}::bigint and d.generation = ${item.generation}::bigint and d.state = 'leased'
    returning d.waiting`.execute(db);
  if (rows[0]?.waiting === false) await wakeTarget(db, item.target);
};

import type { WorkItem } from "@drayage/domain";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import { type ItemRow, toItem } from "../claim.ts";

/** Who holds a lease from the claim on the control side until a replicator takes the item. No worker has such a name: theirs begin with a host. */
export const ISSUER = "bus/pubsub";

export interface ItemKey {
  readonly target: string;
  readonly delivery: string;
  readonly generation: number;
}

const isCurrent = ({ target, delivery, generation }: ItemKey) => sql`
  d.id = ${delivery}::bigint and d.target = ${target} and d.generation = ${generation}::bigint and d.state = 'leased'
  and d.lease_until > clock_timestamp()`;

/**
 * Gives an item that was handed out to the first worker that asks for it; the same one may ask again. The new end of the lease; undefined when
 * another has it, it was handed out anew, or its time is up. So it does no harm that Pub/Sub delivers twice.
 */
export const giveTo = async (
  db: QueryExecutorProvider,
  key: ItemKey,
  worker: string,
  leaseMs: number,
): Promise<Date | undefined> => {
  const { rows } = await sql<{ until: Date }>`
    update delivery d set lease_owner = ${worker}, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where ${isCurrent(key)} and d.lease_owner in (${ISSUER}, ${worker}) returning d.lease_until as until`.execute(db);
  return rows[0]?.until;
};

/** The item as the books have it now: what a replicator says of its names is not believed. Undefined: not current. */
export const currentItem = (db: QueryExecutorProvider, key: ItemKey): Promise<WorkItem | undefined> =>
  readItem(db, isCurrent(key));
/** The same of any generation, for what is only read. */
export const anyItem = (db: QueryExecutorProvider, { target, delivery }: ItemKey): Promise<WorkItem | undefined> =>
  readItem(db, sql`d.id = ${delivery}::bigint and d.target = ${target}`);

const readItem = async (db: QueryExecutorProvider, where: RawBuilder<unknown>): Promise<WorkItem | undefined> => {
  const { rows } = await sql<ItemRow>`
    select d.id::text as id, d.generation::float8 as generation, d.target, d.repository, d.tag, d.source_registry,
      d.source_repository, d.source_tag, d.route, d.claimed::float8 as claimed, d.claimed_depth, d.attempts, d.held_digest,
      d.intended, d.gate ->> 'subject' as waits_for, d.absent_since, d.requested_at, d.lease_until, d.last_error ->> 'reason' as last_reason, null as lineage
    from delivery d where ${where}`.execute(db);
  const [row] = rows;
  return row === undefined ? undefined : toItem(row);
};

/** How many items of the target lie in Pub/Sub, by our books. */
export const queuedItems = async (db: QueryExecutorProvider, target: string): Promise<number> => {
  const { rows } = await sql<{ queued: number }>`
    select count(*)::int as queued from delivery
    where target = ${target} and state = 'leased' and lease_owner = ${ISSUER}`.execute(db);
  return rows[0]?.queued ?? 0;
};

/**
 * What no replicator took in time, or all that is out (`all`: we begin, and nobody knows what became of it), is pending again. No
 * worker has begun it, so nothing was lost with one and nothing can still be in flight.
 */
export const takeBackQueued = async (db: QueryExecutorProvider, target: string, all: boolean): Promise<number> => {
  const { rows } = await sql`
    update delivery d set state = 'pending', waiting = false, due_at = now(), lease_owner = null, lease_until = null,
      attempts = case when d.since_claim_news then 0 else d.attempts end,
      absent_since = case when d.since_claim_news then null else d.absent_since end
    where target = ${target} and state = 'leased' and lease_owner = ${ISSUER} and (${all} or lease_until <= clock_timestamp())
    returning 1`.execute(db);
  return rows.length;
};

/**
 * While nobody listened, workers could not prolong their leases, and what they have done may wait in the inbox: nobody is taken
 * for dead before it was heard. Leases only grow by this.
 */
export const hearFirst = async (db: QueryExecutorProvider, target: string, ms: number): Promise<void> => {
  await sql`
    update delivery set lease_until = clock_timestamp() + ${ms}::float8 * interval '1 millisecond'
    where target = ${target} and state = 'leased' and lease_owner <> ${ISSUER}
      and lease_until < clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`.execute(db);
};

import type { RescanRequest } from "@drayage/domain";
import type { RepositoryName } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, sql } from "kysely";
import { wakeRescans } from "./channel.ts";
import { toRepository } from "./rows.ts";

/** A repository to be compared as a whole, as a reconciler is given it. Fenced like a delivery. */
export interface Rescan {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly reason: string;
  /** The position that becomes `done` when it is finished. */
  readonly claimed: number;
  readonly generation: number;
  readonly requestedAt: Date;
}

/** Asks for rescans inside the caller's transaction. Many for one repository become one, also while one runs. */
export const rescanWithin = async (
  trx: QueryExecutorProvider,
  requests: ReadonlyArray<RescanRequest>,
): Promise<void> => {
  const newest = new Map<string, RescanRequest>();
  for (const request of requests.toSorted((a, b) => a.position - b.position)) {
    newest.set(`${request.registry}\n${request.repository}`, request);
  }
  const wanted = [...newest].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, request]) => request);
  if (wanted.length === 0) return;
  await sql`
    insert into rescan as r (registry, repository, requested, reason)
    select * from unnest(${wanted.map((r) => r.registry)}::text[], ${wanted.map((r) => r.repository)}::text[],
      ${wanted.map((r) => r.position)}::bigint[], ${wanted.map((r) => r.reason)}::text[])
    on conflict (registry, repository) do update set
      requested = excluded.requested, reason = excluded.reason,
      requested_at = case when r.requested > r.done then r.requested_at else now() end,
      due_at = case when r.requested > r.done then r.due_at else now() end
    where excluded.requested > r.requested`.execute(trx);
  for (const registry of new Set(wanted.map((r) => r.registry))) await wakeRescans(trx, registry);
};

/** Takes due rescans, oldest first; those whose lease ran out too. */
export const claimRescans = async (
  db: QueryExecutorProvider,
  options: { readonly worker: string; readonly limit: number; readonly leaseMs: number },
): Promise<ReadonlyArray<Rescan>> => {
  const { rows } = await sql<RescanRow>`
    update rescan r set claimed = r.requested, generation = r.generation + 1, lease_owner = ${options.worker},
      lease_until = clock_timestamp() + ${options.leaseMs}::float8 * interval '1 millisecond'
    from (
      select registry, repository from rescan
      where requested > done and due_at <= now() and (lease_until is null or lease_until <= now())
      order by requested_at limit ${options.limit} for update skip locked
    ) c where (r.registry, r.repository) = (c.registry, c.repository)
    returning r.registry, r.repository, r.reason, r.claimed::float8 as claimed, r.generation::float8 as generation,
      r.requested_at`.execute(db);
  return rows
    .map((row) => ({
      registry: row.registry,
      repository: toRepository(row.repository),
      reason: row.reason,
      claimed: row.claimed,
      generation: row.generation,
      requestedAt: row.requested_at,
    }))
    .toSorted((a, b) => a.requestedAt.getTime() - b.requestedAt.getTime());
};
interface RescanRow {
  readonly registry: string;
  readonly repository: string;
  readonly reason: string;
  readonly claimed: number;
  readonly generation: number;
  readonly requested_at: Date;
}

/** The repository was compared completely. False: the lease was lost, another reconciler has it. A request that came meanwhile stays pending. */
export const finishRescan = async (db: QueryExecutorProvider, rescan: Rescan): Promise<boolean> => {
  const { rows } = await sql`
    update rescan r set done = r.claimed, lease_owner = null, lease_until = null, due_at = now(),
      requested_at = case when r.requested > r.claimed then now() else r.requested_at end
    where ${isCurrent(rescan)} and r.lease_until > clock_timestamp() returning 1`.execute(db);
  return rows.length === 1;
};

/** Prolongs the lease from now. False: it is lost. */
export const extendRescan = async (db: QueryExecutorProvider, rescan: Rescan, leaseMs: number): Promise<boolean> => {
  const { rows } = await sql`
    update rescan r set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where ${isCurrent(rescan)} and r.lease_until > clock_timestamp() returning 1`.execute(db);
  return rows.length === 1;
};

/** Hands a rescan back, to be tried again at `at`. Nothing happens when it is not ours any more. */
export const releaseRescan = async (db: QueryExecutorProvider, rescan: Rescan, at: Date): Promise<void> => {
  await sql`
    update rescan r set lease_owner = null, lease_until = null, due_at = ${at.toISOString()}::timestamptz
    where ${isCurrent(rescan)}`.execute(db);
};

const isCurrent = (rescan: Rescan) => sql`
  r.registry = ${rescan.registry} and r.repository = ${rescan.repository}
  and r.generation = ${rescan.generation}::bigint and r.lease_until is not null`;

import type { DeliveryState, SourceTag } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import { PAGE_MOST } from "./limits.ts";
import { type SourceColumns, toDigest, toRepository, toSource, toTag } from "./rows.ts";

/** A delivery as people see it. */
export interface DeliveryView {
  readonly delivery: string;
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  readonly state: DeliveryState;
  readonly requested: number;
  readonly done: number;
  readonly attempts: number;
  readonly priority: number;
  /** When the next attempt is due; only while pending. */
  readonly dueAt?: Date | undefined;
  /** When the oldest request that is not done was recorded; only while there is one. */
  readonly requestedAt?: Date | undefined;
  readonly leaseOwner?: string | undefined;
  readonly leaseUntil?: Date | undefined;
  /** What we put or adopted there. */
  readonly held?: Digest | undefined;
  readonly heldAt?: Date | undefined;
  readonly absentSince?: Date | undefined;
  /** What it waits for before it is copied: a signature of `subject`. `since` as ISO time. */
  readonly waitsFor?: Gate | undefined;
  readonly parkedAt?: Date | undefined;
  readonly lastSuccessAt?: Date | undefined;
  /** The `Failure` of the last attempt that failed, until one succeeds. */
  readonly lastError?: unknown;
  /** Another source that maps to this name and does not get it: {source, route, position, at}. */
  readonly rival?: unknown;
}

/** Why a delivery waits although nothing failed. */
export interface Gate {
  readonly for: "signature";
  readonly subject: Digest;
  readonly detail: string;
  readonly since: string;
}

export interface DeliveryFilter {
  readonly target?: string | undefined;
  readonly state?: DeliveryState | undefined;
  /** Only those that wait for this before they are copied. */
  readonly waitsFor?: "signature" | undefined;
  readonly repository?: string | undefined;
  readonly tag?: string | undefined;
  /** `delivery` of the last row of the page before. */
  readonly after?: string | undefined;
  /** Default 100, at most `PAGE_MOST`. */
  readonly limit?: number | undefined;
}
const PAGE_DEFAULT = 100;

/** Deliveries in the order of their ids, a page at a time. */
export const readDeliveries = (
  db: QueryExecutorProvider,
  filter: DeliveryFilter,
): Promise<ReadonlyArray<DeliveryView>> => {
  const wheres: Array<RawBuilder<unknown>> = [sql`d.id > ${filter.after ?? "0"}::bigint`];
  if (filter.target !== undefined) wheres.push(sql`d.target = ${filter.target}`);
  if (filter.state !== undefined) wheres.push(sql`d.state = ${filter.state}`);
  if (filter.waitsFor !== undefined) wheres.push(sql`d.gate is not null and d.state = 'pending'`);
  if (filter.repository !== undefined) wheres.push(sql`d.repository = ${filter.repository}`);
  if (filter.tag !== undefined) wheres.push(sql`d.tag = ${filter.tag}`);
  const limit = Math.min(Math.max(1, filter.limit ?? PAGE_DEFAULT), PAGE_MOST);
  return views(db, sql`where ${sql.join(wheres, sql` and `)} order by d.id limit ${limit}`);
};

/** Where an image is, at every target: by its name at the source or at a target. Without `tag`: all its tags. At most `PAGE_MOST`. */
export const readImage = (
  db: QueryExecutorProvider,
  repository: string,
  tag?: string,
): Promise<ReadonlyArray<DeliveryView>> =>
  views(
    db,
    sql`where (d.repository = ${repository} and (${tag ?? null}::text is null or d.tag = ${tag ?? null}))
      or (d.source_repository = ${repository} and (${tag ?? null}::text is null or d.source_tag = ${tag ?? null}))
    order by d.target, d.repository, d.tag limit ${PAGE_MOST}`,
  );

const views = async (db: QueryExecutorProvider, rest: RawBuilder<unknown>): Promise<ReadonlyArray<DeliveryView>> => {
  const { rows } = await sql<ViewRow>`
    select d.id::text as id, d.target, d.repository, d.tag, d.source_registry, d.source_repository, d.source_tag,
      d.route, d.state, d.requested::float8 as requested, d.done::float8 as done, d.attempts, d.priority, d.due_at,
      d.requested_at, d.lease_owner, d.lease_until, d.held_digest, d.held_at, d.absent_since, d.gate, d.parked_at,
      d.last_success_at, d.last_error, d.rival
    from delivery d ${rest}`.execute(db);
  return rows.map(toView);
};

interface ViewRow extends SourceColumns {
  readonly id: string;
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
  readonly route: string;
  readonly state: DeliveryState;
  readonly requested: number;
  readonly done: number;
  readonly attempts: number;
  readonly priority: number;
  readonly due_at: Date;
  readonly requested_at: Date;
  readonly lease_owner: string | null;
  readonly lease_until: Date | null;
  readonly held_digest: string | null;
  readonly held_at: Date | null;
  readonly absent_since: Date | null;
  readonly gate: { readonly subject: string; readonly detail: string; readonly since: string } | null;
  readonly parked_at: Date | null;
  readonly last_success_at: Date | null;
  readonly last_error: unknown;
  readonly rival: unknown;
}

const toView = (row: ViewRow): DeliveryView => ({
  delivery: row.id,
  target: row.target,
  repository: toRepository(row.repository),
  tag: toTag(row.tag),
  source: toSource(row),
  route: row.route,
  state: row.state,
  requested: row.requested,
  done: row.done,
  attempts: row.attempts,
  priority: row.priority,
  dueAt: row.state === "pending" ? row.due_at : undefined,
  requestedAt: row.requested > row.done ? row.requested_at : undefined,
  leaseOwner: row.lease_owner ?? undefined,
  leaseUntil: row.lease_until ?? undefined,
  held: row.held_digest === null ? undefined : toDigest(row.held_digest),
  heldAt: row.held_digest === null ? undefined : (row.held_at ?? undefined),
  absentSince: row.absent_since ?? undefined,
  waitsFor:
    row.gate === null || row.state !== "pending"
      ? undefined
      : { for: "signature", ...row.gate, subject: toDigest(row.gate.subject) },
  parkedAt: row.state === "parked" ? (row.parked_at ?? undefined) : undefined,
  lastSuccessAt: row.last_success_at ?? undefined,
  lastError: row.last_error ?? undefined,
  rival: row.rival ?? undefined,
});

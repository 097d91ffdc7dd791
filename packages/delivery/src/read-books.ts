import type { DeliveryState, SourceTag } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, sql } from "kysely";
import { type SourceColumns, toDigest, toRepository, toSource, toTag } from "./rows.ts";

/** What the reconciler has to know of a name at a target: whose it is, and whether something is under way. */
export interface BookEntry {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  readonly state: DeliveryState;
  /** Digests that are ours under this name: held, or about to be put. Empty: not owned. */
  readonly owned: ReadonlyArray<Digest>;
}

/** All names of one target repository in our books, sorted by tag in byte order. */
export const readBooks = (
  db: QueryExecutorProvider,
  target: string,
  repository: string,
): Promise<ReadonlyArray<BookEntry>> => entries(db, sql`d.target = ${target} and d.repository = ${repository}`);

/** Of these, the tags that we own: the only ones that may be deleted or overwritten. */
export const ownedTags = (
  db: QueryExecutorProvider,
  target: string,
  repository: string,
): Promise<ReadonlyArray<BookEntry>> =>
  entries(
    db,
    sql`d.target = ${target} and d.repository = ${repository} and (d.held_digest is not null or d.intended <> '{}')`,
  );

/** All names at all targets that are fed from one source repository, sorted by target, repository and tag. */
export const readSourceBooks = (
  db: QueryExecutorProvider,
  registry: string,
  repository: string,
): Promise<ReadonlyArray<BookEntry>> =>
  entries(db, sql`d.source_repository = ${repository} and d.source_registry = ${registry}`);

/** Repositories of a source registry that a delivery was ever asked for, in byte order: a listing may lack one that vanished. */
export const sourceRepositories = async (
  db: QueryExecutorProvider,
  registry: string,
): Promise<ReadonlyArray<RepositoryName>> => {
  const { rows } = await sql<{ repository: string }>`
    select distinct source_repository collate "C" as repository from delivery
    where source_registry = ${registry} order by 1`.execute(db);
  return rows.map((row) => toRepository(row.repository));
};

/** Repositories of a target in which we own a tag, in byte order. */
export const ownedRepositories = async (
  db: QueryExecutorProvider,
  target: string,
): Promise<ReadonlyArray<RepositoryName>> => {
  const { rows } = await sql<{ repository: string }>`
    select distinct repository collate "C" as repository from delivery
    where target = ${target} and (held_digest is not null or intended <> '{}') order by 1`.execute(db);
  return rows.map((row) => toRepository(row.repository));
};

/**
 * Names of one target that are not at rest: pending, leased or parked. A difference there is not drift, since somebody is or will be
 * at it. `repository`: only of this one.
 */
export const pendingKeys = async (
  db: QueryExecutorProvider,
  target: string,
  repository?: string,
): Promise<ReadonlyArray<{ readonly repository: string; readonly tag: string; readonly state: DeliveryState }>> => {
  const { rows } = await sql<{ repository: string; tag: string; state: DeliveryState }>`
    select repository, tag, state from delivery
    where target = ${target} and state in ('pending', 'leased', 'parked')
      and (${repository ?? null}::text is null or repository = ${repository ?? null})`.execute(db);
  return rows;
};

/** Rescans that are not finished, oldest first. */
export const pendingRescans = async (db: QueryExecutorProvider): Promise<ReadonlyArray<PendingRescan>> => {
  const { rows } = await sql<{
    registry: string;
    repository: string;
    reason: string;
    requested_at: Date;
    leased: boolean;
  }>`
    select registry, repository, reason, requested_at, coalesce(lease_until > now(), false) as leased
    from rescan where requested > done order by requested_at`.execute(db);
  return rows.map(({ requested_at, ...row }) => ({ ...row, requestedAt: requested_at }));
};
export interface PendingRescan {
  readonly registry: string;
  readonly repository: string;
  readonly reason: string;
  readonly requestedAt: Date;
  /** A reconciler is at it. */
  readonly leased: boolean;
}

const entries = async (db: QueryExecutorProvider, where: ReturnType<typeof sql>): Promise<ReadonlyArray<BookEntry>> => {
  const { rows } = await sql<
    SourceColumns & {
      target: string;
      repository: string;
      tag: string;
      route: string;
      state: DeliveryState;
      held_digest: string | null;
      intended: ReadonlyArray<string>;
    }
  >`
    select d.target, d.repository, d.tag, d.source_registry, d.source_repository, d.source_tag, d.route, d.state, d.held_digest,
      d.intended
    from delivery d where ${where} order by d.target, d.repository collate "C", d.tag collate "C"`.execute(db);
  return rows.map((row) => ({
    target: row.target,
    repository: toRepository(row.repository),
    tag: toTag(row.tag),
    source: toSource(row),
    route: row.route,
    state: row.state,
    owned: [...new Set([...(row.held_digest === null ? [] : [row.held_digest]), ...row.intended])].map(toDigest),
  }));
};

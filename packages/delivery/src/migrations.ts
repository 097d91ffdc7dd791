import type { Migrations } from "@drayage/event-log";
import { sql } from "kysely";

/**
 * One row for each name at a target (DESIGN.md section 2, idea 2). It is the record of ownership too, so rows are never
 * deleted by themselves. What the columns promise:
 *
 * - `requested > done` unless the row is idle; `claimed` is what the current or last worker captured.
 * - `depth` collects what was asked since the claim, `claimed_depth` what the worker was given and has not finished.
 * - `since_claim_at`, `since_claim_news`: the oldest request that came while the row was leased, and whether one was news from the source.
 * - `waiting`: pending with `due_at` in the future when it was written. A claim turns due rows over first, so that it
 *   finds the next delivery by an index, however many others wait.
 * - `held_digest`: what we put or adopted there. `intended`: what we were about to put since the last success.
 * - `lost`: leases lost in a row, by workers that ended without a report (`lost.ts`).
 * - `gate`: what the row waits for before it is copied, `{subject, detail, since}`: a signature of that digest. The last look found none.
 * - `rival`: another source that maps to this name and does not get it (`upsert.ts`).
 */
const DELIVERY = `
create table delivery (
  id bigint generated always as identity primary key,
  target text not null,
  repository text not null,
  tag text not null,
  source_registry text not null,
  source_repository text not null,
  source_tag text not null,
  route text not null,
  requested bigint not null,
  done bigint not null default 0,
  claimed bigint not null default 0,
  depth smallint not null default 0,
  claimed_depth smallint not null default 0,
  priority smallint not null,
  generation bigint not null default 0,
  attempts integer not null default 0,
  state text not null check (state in ('idle', 'pending', 'leased', 'parked')),
  waiting boolean not null default false,
  due_at timestamptz not null default now(),
  requested_at timestamptz not null,
  since_claim_at timestamptz,
  since_claim_news boolean not null default false,
  lease_owner text,
  lease_until timestamptz,
  held_digest text,
  held_at timestamptz,
  intended text[] not null default '{}',
  manifests text[] not null default '{}',
  absent_since timestamptz,
  last_error jsonb,
  last_success_at timestamptz,
  parked_at timestamptz,
  rival jsonb,
  unique (target, repository, tag),
  check ((state = 'leased') = (lease_until is not null)),
  check (claimed <= requested and done <= claimed)
)`;

/** Each serves one question, named beside it; all are partial, so that a row which is idle costs them nothing. */
const DELIVERY_INDEXES = [
  // claim: the oldest of the highest priority; and the oldest of each repository in turn
  `create index delivery_ready on delivery (target, priority desc, requested_at, id) where state = 'pending' and not waiting`,
  `create index delivery_turn on delivery (target, priority, repository, requested_at, id) where state = 'pending' and not waiting`,
  // claim: what has become due, which leases have run out
  `create index delivery_waiting on delivery (target, due_at) where state = 'pending' and waiting`,
  `create index delivery_leased on delivery (target, lease_until) where state = 'leased'`,
  // reads: what waits for a person
  `create index delivery_parked on delivery (target, id) where state = 'parked'`,
  // siblings, guard, referrers of a top manifest and of a child
  `create index delivery_held on delivery (target, held_digest) where held_digest is not null`,
  `create index delivery_manifests on delivery using gin (manifests) where manifests <> '{}'`,
  // reads: where is this name, of a source or of a target
  `create index delivery_name on delivery (repository, tag)`,
  `create index delivery_source on delivery (source_repository, source_tag)`,
];

/** What the guard counts: granted deletions, kept as long as the windows of any guard may look back. */
const DELETION = `
create table deletion (
  id bigint generated always as identity primary key,
  target text not null,
  repository text not null,
  tags integer not null check (tags > 0),
  at timestamptz not null default clock_timestamp()
)`;
const DELETION_INDEX = `create index deletion_window on deletion (target, at)`;

/** Repositories to be compared as a whole, coalesced like deliveries: pending is \`requested > done\`. */
const RESCAN = `
create table rescan (
  registry text not null,
  repository text not null,
  requested bigint not null,
  done bigint not null default 0,
  claimed bigint not null default 0,
  reason text not null,
  requested_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  generation bigint not null default 0,
  lease_owner text,
  lease_until timestamptz,
  primary key (registry, repository)
)`;
const RESCAN_INDEX = `create index rescan_pending on rescan (requested_at) where requested > done`;

const LOST = `alter table delivery add column lost integer not null default 0`;

/** What a person said of a target. No row: nothing. */
const TARGET_CONTROL = `
create table target_control (
  target text primary key,
  paused_at timestamptz
)`;

/** When backfill may begin, as a person said: not at all for now, or in a window (`Window` of the domain). */
const BACKFILL_CONTROL = `
alter table target_control
  add column backfill_paused_at timestamptz,
  add column window_from smallint,
  add column window_until smallint,
  add column window_zone text,
  add check ((window_from is null) = (window_until is null) and (window_from is null) = (window_zone is null))`;

/** Which database this is, and since when it is known not to be the one that we wrote (`restored.ts`). One row. */
const EPOCH = `
create table epoch (
  only_one boolean primary key default true check (only_one),
  system text not null,
  timeline integer not null,
  restored_position bigint,
  restored_at timestamptz,
  why text
)`;

/** Repositories of a target whose last copied image was huge (`huge.ts`). Few: it is looked into by every request. */
const HUGE = `
create table huge_repository (
  target text not null,
  repository text not null,
  primary key (target, repository)
)`;

const GATE = [
  `alter table delivery add column gate jsonb`,
  // referrers without a subject: whatever waits for a signature
  `create index delivery_gate on delivery (target, source_repository) where gate is not null`,
];

/**
 * Room for changes, so that they stay in the page of their row and touch no index ("HOT"). News of a row that waits already change no column
 * of an index, and a batch changes neighbours together: with half of a page free a request cost the server a quarter (12 µs for 43). For rows written from now on.
 *
 * What was claimed leaves dead entries at the head of the index that the next claim reads. By default they are swept when a fifth of all rows
 * have died; a fiftieth is also the share of pages below which a vacuum leaves the indexes alone.
 */
const ROOM = `
alter table delivery set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)`;

/** The tables of this package, for `layerDatabase({ migrations })`. Forward only; a step is never changed. */
export const deliveryMigrations: Migrations = {
  "delivery/0001": {
    up: async (db) => {
      for (const statement of [DELIVERY, ...DELIVERY_INDEXES, DELETION, DELETION_INDEX, RESCAN, RESCAN_INDEX]) {
        await sql.raw(statement).execute(db);
      }
    },
  },
  "delivery/0002": {
    up: async (db) => void (await sql.raw(LOST).execute(db)),
  },
  "delivery/0003": {
    up: async (db) => void (await sql.raw(TARGET_CONTROL).execute(db)),
  },
  "delivery/0004": {
    up: async (db) => {
      for (const statement of [BACKFILL_CONTROL, HUGE]) await sql.raw(statement).execute(db);
    },
  },
  "delivery/0005": {
    up: async (db) => {
      for (const statement of GATE) await sql.raw(statement).execute(db);
    },
  },
  "delivery/0006": {
    up: async (db) => {
      await sql.raw(EPOCH).execute(db);
      // It is the one that we wrote, as far as anybody knows today.
      await sql`insert into epoch (system, timeline) select system_identifier::text, timeline_id
        from pg_control_system(), pg_control_checkpoint()`.execute(db);
    },
  },
  "delivery/0007": {
    up: async (db) => void (await sql.raw(ROOM).execute(db)),
  },
};

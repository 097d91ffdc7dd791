import { BACKFILL_PRIORITY_MAX, type WorkItem } from "@drayage/domain";
import { named } from "@drayage/event-log";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import { type ControlRow, mayBackfill, readControl, toControl } from "./control.ts";
import { depthOf } from "./depth.ts";
import { CANDIDATES_PER_CLAIM, CLAIM_MOST, DUE_BATCH_MOST, LINEAGE_MOST } from "./limits.ts";
import { LOST } from "./lost.ts";
import { type SourceColumns, toDigest, toRepository, toSource, toTag } from "./rows.ts";

export interface ClaimOptions {
  readonly target: string;
  readonly worker: string;
  readonly limit: number;
  readonly leaseMs: number;
  /** The last repository that had its turn: those after it come first. Empty at the beginning. */
  readonly after: string;
  /** So many of the items are the oldest below the highest priority, where there are any. */
  readonly patient: number;
}
export interface Claimed {
  readonly items: ReadonlyArray<WorkItem>;
  /** For the next claim. */
  readonly after: string;
}

/**
 * Takes due deliveries of one target. Its cost does not grow with the backlog: what is due or expired is turned over in a
 * bounded batch, then candidates are found by index, both the oldest of all and the oldest of the next repositories in turn,
 * so that a thousand tags pushed to one repository do not hold up the others. `patient` places go to what waits longest at lower
 * priorities, so that nothing waits for ever.
 */
export const claim = async (db: QueryExecutorProvider, options: ClaimOptions): Promise<Claimed> => {
  const limit = Math.min(Math.max(0, Math.trunc(options.limit)), CLAIM_MOST);
  if (limit === 0) return { items: [], after: options.after };
  const { rows: control } = await turnOver(options.target).execute(db);
  const said = toControl(control[0]);
  if (said.paused) return { items: [], after: options.after };
  const { rows } = await take({ ...options, limit }, mayBackfill(said)).execute(db);
  const items = rows.toSorted((a, b) => a.place - b.place).map(toItem);
  // Fewer turns than asked for: the end of the alphabet was reached, begin again.
  const [first] = rows;
  return { items, after: first !== undefined && first.turns >= limit ? (first.last_turn ?? "") : "" };
};

/** What became due is ready; what was leased too long is lost. Says what a person said of the target. */
const turnOver = (target: string): RawBuilder<ControlRow> => sql`${named("turn_over")}
  with due as (
    update delivery set waiting = false where id in (
      select id from delivery where target = ${target} and state = 'pending' and waiting and due_at <= now()
      order by due_at limit ${sql.lit(DUE_BATCH_MOST)} for update skip locked)
  ), lost as (
    update delivery d set ${LOST} where d.id in (
      select id from delivery where target = ${target} and state = 'leased' and lease_until <= now()
      order by lease_until limit ${sql.lit(DUE_BATCH_MOST)} for update skip locked)
  )
  ${readControl(target)}`;

/** @internal How many are wanted is written into the statement: a plan for any number would be one for a tenth of the table. Few numbers occur. */
export const take = (
  { target, worker, limit, leaseMs, after, patient }: ClaimOptions,
  withBackfill: boolean,
): RawBuilder<ClaimRow> => {
  const above = withBackfill ? sql`` : sql`and priority > ${sql.lit(BACKFILL_PRIORITY_MAX)}`;
  const ready = sql`target = ${target} and state = 'pending' and not waiting ${above}`;
  const most = sql.lit(limit);
  const mostPatient = sql.lit(Math.trunc(patient));
  return sql<ClaimRow>`${named(`claim_${limit}_${Math.trunc(patient)}${withBackfill ? "" : "_news"}`)}
  with recursive oldest as materialized (
    select id, repository, priority, requested_at from delivery where ${ready}
    order by priority desc, requested_at, id limit ${sql.lit(limit * CANDIDATES_PER_CLAIM)}
  ), top as (
    select max(priority) as priority from oldest -- a look of its own would go once more over all that was claimed and is not swept
  ), turn (repository, n) as (
    (select d.repository, 1 from delivery d where ${nextTurn(target, after)})
    union all
    select (select d.repository from delivery d where ${nextTurn(target, sql`turn.repository`)}), n + 1
    from turn where turn.repository is not null and n < ${most}
  ), lower (priority) as (
    select (select max(d.priority) from delivery d where ${ready} and d.priority < top.priority) from top
    where ${mostPatient} > 0
    union all
    select (select max(d.priority) from delivery d where ${ready} and d.priority < lower.priority) from lower
    where lower.priority is not null
  ), patient as materialized (
    select each.* from lower cross join lateral (
      select id, repository, priority, requested_at from delivery d where ${ready} and d.priority = lower.priority
      order by requested_at, id limit ${mostPatient}) each
    order by each.requested_at, each.id limit ${mostPatient}
  ), candidate as (
    select * from oldest
    union
    select first.* from turn cross join lateral (
      select id, repository, priority, requested_at from delivery d where ${ready}
        and d.priority = (select priority from top) and d.repository = turn.repository
      order by requested_at, id limit 1) first
    union
    select * from patient
  ), ranked as (
    select id, priority, requested_at,
      row_number() over (partition by priority, repository order by requested_at, id) as round
    from candidate
  ), chosen as (
    select id, row_number() over (order by id in (select id from patient) desc, priority desc, round, requested_at, id) as place
    from ranked
  ), locked as (
    -- one by one: as a join, statistics of a smaller table would have it read all that is ready
    select d.id, c.place from (select id, place from chosen order by place) c cross join lateral (
      select id from delivery where id = c.id and state = 'pending' and not waiting for update skip locked) d
    limit ${most}
  )
  update delivery d set
    state = 'leased', generation = d.generation + 1, claimed = d.requested,
    claimed_depth = greatest(d.claimed_depth, d.depth), depth = 0,
    since_claim_at = null, since_claim_news = false, parked_at = null,
    lease_owner = ${worker}, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  from locked where d.id = locked.id
  returning d.id::text as id, d.generation::float8 as generation, d.target, d.repository, d.tag, d.source_registry,
    d.source_repository, d.source_tag, d.route, d.claimed::float8 as claimed, d.claimed_depth, d.attempts, d.held_digest,
    d.intended, d.gate ->> 'subject' as waits_for, d.absent_since, d.requested_at, d.lease_until, d.last_error ->> 'reason' as last_reason, ${LINEAGE} as lineage, locked.place::int as place,
    (select count(repository)::int from turn) as turns, (select max(repository) from turn) as last_turn`;
};

/**
 * The first repository after one, of the highest priority. Said so that only the index `delivery_turn` gives the order: by the names of a target,
 * which also lead there, it would be a walk over all that is idle, and a plan that was made when little was is kept for as long as its connection.
 * @internal
 */
export const nextTurn = (target: string, after: string | RawBuilder<unknown>): RawBuilder<unknown> => sql`
  d.state = 'pending' and not d.waiting
  and (d.target, d.priority, d.repository) > (${target}, (select priority from top), ${after})
  and (d.target, d.priority) <= (${target}, (select priority from top))
  order by d.target, d.priority, d.repository limit 1`;

/** The deliveries that brought the name to the source of `d`, nearest first. Ends where nobody delivers, or at the name of `d` itself. */
const LINEAGE = sql`(
  with recursive hop as (
    select b.source_registry, b.source_repository, b.source_tag, b.held_digest, b.intended, 1 as n from delivery b
      where b.target = d.source_registry and b.repository = d.source_repository and b.tag = d.source_tag
    union all
    select b.source_registry, b.source_repository, b.source_tag, b.held_digest, b.intended, hop.n + 1
      from hop join delivery b on b.target = hop.source_registry and b.repository = hop.source_repository and b.tag = hop.source_tag
      where hop.n < ${sql.lit(LINEAGE_MOST)}
        and (hop.source_registry, hop.source_repository, hop.source_tag) <> (d.target, d.repository, d.tag)
  )
  select jsonb_agg(jsonb_build_object('registry', source_registry, 'repository', source_repository, 'tag', source_tag,
    'owned', array_remove(array_append(intended, held_digest), null)) order by n) from hop)`;

/** The columns of an item. */
export interface ItemRow extends SourceColumns {
  readonly id: string;
  readonly generation: number;
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
  readonly route: string;
  readonly claimed: number;
  readonly claimed_depth: number;
  readonly attempts: number;
  readonly held_digest: string | null;
  readonly intended: ReadonlyArray<string>;
  readonly waits_for: string | null;
  readonly absent_since: Date | null;
  readonly requested_at: Date;
  readonly lease_until: Date;
  readonly last_reason: string | null;
  readonly lineage: ReadonlyArray<{
    readonly registry: string;
    readonly repository: string;
    readonly tag: string;
    readonly owned: ReadonlyArray<string>;
  }> | null;
}
interface ClaimRow extends ItemRow {
  readonly place: number;
  readonly turns: number;
  readonly last_turn: string | null;
}

export const toItem = (row: ItemRow): WorkItem => ({
  delivery: row.id,
  generation: row.generation,
  target: row.target,
  repository: toRepository(row.repository),
  tag: toTag(row.tag),
  source: toSource(row),
  route: row.route,
  claimed: row.claimed,
  depth: depthOf(row.claimed_depth),
  attempt: row.attempts + 1,
  lastReason: row.last_reason ?? undefined,
  lineage: row.lineage?.map(({ registry, repository, tag, owned }) => ({
    source: { registry, repository: toRepository(repository), tag: toTag(tag) },
    owned: owned.map(toDigest),
  })),
  owned: [...new Set([...(row.held_digest === null ? [] : [row.held_digest]), ...row.intended])].map(toDigest),
  waitsFor: row.waits_for === null ? undefined : toDigest(row.waits_for),
  absentSince: row.absent_since ?? undefined,
  requestedAt: row.requested_at,
  leaseUntil: row.lease_until,
});

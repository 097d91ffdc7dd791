import type { DeliveryRequest, SourceTag } from "@drayage/domain";
import { named, textColumn, timeColumn } from "@drayage/event-log";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { coalesce } from "./coalesce.ts";
import { depthToNumber } from "./depth.ts";
import { lessForHuge } from "./huge.ts";
import { NEWS_WAIT_MOST_MS } from "./limits.ts";
import { toSource } from "./rows.ts";

/** A source asked for a name that another source has. */
export interface NameConflict {
  /** What was asked and not done. */
  readonly rival: DeliveryRequest;
  /** The source that has the name. */
  readonly owner: SourceTag;
  /** The row of the owner. */
  readonly delivery: string;
  /** False when this rival was known already: an event was written then, a second one would only repeat it. */
  readonly isNew: boolean;
}

/**
 * Asks for deliveries, inside the caller's transaction, so that a dispatcher advances its checkpoint together with it.
 * Idempotent: a request at or before the `done` position of its row changes nothing.
 *
 * - A row that is leased stays leased; its report finds `requested > claimed` and makes it pending again, so a push during a copy is not lost.
 * - A parked row is woken by news from the source (`wakesParked`) and not by drift.
 * - News reset the count of attempts and shorten the wait of a failed row to `NEWS_WAIT_MOST_MS`. They may be a push, so a proof of absence
 *   that was begun before them begins anew (DESIGN.md section 6).
 *
 * **Who has a name.** The first source that asked for it. Another source gets it only when the row holds nothing at the target,
 * was about to put nothing, and nothing is on its way (idle or parked): then nothing of the first one would be overwritten.
 * Else the other is written down as `rival` and returned. The caller knows the routes: when the owner's source no
 * longer maps to the name, it hands the name over with `takeOverWithin`.
 */
export const requestWithin = async (
  trx: QueryExecutorProvider,
  requests: ReadonlyArray<DeliveryRequest>,
): Promise<ReadonlyArray<NameConflict>> => {
  const conflicts: Array<NameConflict> = [];
  for (const wave of coalesce(requests)) {
    const { rows } = await upsert("request_deliveries", wave, sql`(${isFree()} or ${SAME_SOURCE})`).execute(trx);
    // Rows that another source has are not counted; nor are requests that were done already, which is rare too.
    if ((rows[0]?.written ?? 0) < wave.length) conflicts.push(...(await noteRivals(trx, wave)));
  }
  await wakeAll(trx, requests);
  return conflicts;
};

/** Gives names to the sources of these requests, whoever had them. What is owned at the target stays owned. */
export const takeOverWithin = async (
  trx: QueryExecutorProvider,
  requests: ReadonlyArray<DeliveryRequest>,
): Promise<void> => {
  for (const wave of coalesce(requests)) await upsert("take_deliveries_over", wave, sql`true`).execute(trx);
  await wakeAll(trx, requests);
};

const SAME_SOURCE = sql`(d.source_registry, d.source_repository, d.source_tag)
  = (excluded.source_registry, excluded.source_repository, excluded.source_tag)`;
const isFree = (): RawBuilder<unknown> =>
  sql`(d.held_digest is null and d.intended = '{}' and d.state in ('idle', 'parked'))`;

/** The columns of a wave, for `unnest`. */
const columns = (wave: ReadonlyArray<DeliveryRequest>): RawBuilder<unknown> => sql`unnest(
  ${textColumn(wave.map((r) => r.target))}::text[], ${textColumn(wave.map((r) => r.repository))}::text[],
  ${textColumn(wave.map((r) => r.tag))}::text[], ${textColumn(wave.map((r) => r.source.registry))}::text[],
  ${textColumn(wave.map((r) => r.source.repository))}::text[], ${textColumn(wave.map((r) => r.source.tag))}::text[],
  ${textColumn(wave.map((r) => r.route))}::text[], ${wave.map((r) => r.position)}::bigint[],
  ${wave.map((r) => depthToNumber(r.depth))}::smallint[], ${wave.map((r) => r.priority)}::smallint[],
  ${timeColumn(wave.map((r) => r.requestedAt))}::timestamptz[], ${wave.map((r) => r.wakesParked)}::boolean[]
)`;

/** `since_claim_news` carries "this is news" into the conflict clause; in a new row it has no meaning until the first claim, which clears it. */
const upsert = (
  name: string,
  wave: ReadonlyArray<DeliveryRequest>,
  mayWrite: RawBuilder<unknown>,
): RawBuilder<{ written: number }> => sql`${named(name)}
  with written as (insert into delivery as d (target, repository, tag, source_registry, source_repository, source_tag, route, requested,
    depth, priority, requested_at, since_claim_news, state)
  select target, repository, tag, source_registry, source_repository, source_tag, route, requested, depth,
    priority - ${lessForHuge(sql`asked.target`, sql`asked.repository`)}, requested_at, news, 'pending'
  from ${columns(wave)} as asked (target, repository, tag, source_registry, source_repository, source_tag, route,
    requested, depth, priority, requested_at, news)
  on conflict (target, repository, tag) do update set
    source_registry = excluded.source_registry, source_repository = excluded.source_repository,
    source_tag = excluded.source_tag, route = excluded.route,
    rival = case when ${SAME_SOURCE} then d.rival end,
    priority = case when d.state in ('idle', 'parked') then excluded.priority else greatest(d.priority, excluded.priority) end,
    ${asked(sql`excluded.requested`, sql`excluded.depth`, sql`excluded.requested_at`, sql`excluded.since_claim_news`)}
  where excluded.requested > d.done and ${mayWrite}
  returning 1) select count(*) as written from written`;

/** What a request does to a row `d` that exists. The one place where this is decided in SQL; `memory/transitions.ts` is its twin. */
export const asked = (
  position: RawBuilder<unknown>,
  depth: RawBuilder<unknown>,
  at: RawBuilder<unknown>,
  news: RawBuilder<unknown>,
): RawBuilder<unknown> => sql`
  requested = greatest(d.requested, ${position}),
  depth = greatest(d.depth, ${depth}),
  state = case when d.state = 'leased' or (d.state = 'parked' and not ${news}) then d.state else 'pending' end,
  attempts = case when ${news} and d.state <> 'leased' then 0 else d.attempts end,
  absent_since = case when ${news} and d.state <> 'leased' then null else d.absent_since end,
  requested_at = case
    when d.state = 'idle' or (d.state = 'parked' and ${news}) then ${at}
    when d.state = 'parked' then d.requested_at
    else least(d.requested_at, ${at}) end,
  since_claim_at = case when d.state = 'leased' then least(d.since_claim_at, ${at}) end,
  since_claim_news = d.state = 'leased' and (d.since_claim_news or ${news}),
  waiting = d.state = 'pending' and d.waiting and not (${news} and d.last_error is null),
  due_at = case
    when d.state in ('idle', 'parked') then now()
    when d.state = 'pending' and ${news} and d.last_error is null then least(d.due_at, now())
    when d.state = 'pending' and ${news} then least(d.due_at, now() + ${NEWS_WAIT_MOST_MS} * interval '1 millisecond')
    else d.due_at end`;

const noteRivals = async (
  trx: QueryExecutorProvider,
  wave: ReadonlyArray<DeliveryRequest>,
): Promise<ReadonlyArray<NameConflict>> => {
  const { rows } = await sql<RivalRow>`
    update delivery d set rival = jsonb_build_object(
      'source', ${RIVAL_SOURCE}, 'route', r.route, 'position', r.requested, 'at', r.requested_at)
    from (
      select asked.*, d.id, d.rival -> 'source' as known
      from ${columns(wave)} as asked (target, repository, tag, source_registry, source_repository, source_tag, route,
        requested, depth, priority, requested_at, news)
      join delivery d using (target, repository, tag)
      where (d.source_registry, d.source_repository, d.source_tag)
        <> (asked.source_registry, asked.source_repository, asked.source_tag)
      for update of d
    ) r
    where d.id = r.id
    returning d.id::text as id, d.target, d.repository, d.tag, d.source_registry, d.source_repository, d.source_tag,
      r.known is distinct from ${RIVAL_SOURCE} as is_new`.execute(trx);
  return rows.flatMap((row) => {
    const rival = wave.find((r) => r.target === row.target && r.repository === row.repository && r.tag === row.tag);
    return rival === undefined ? [] : [{ rival, owner: toSource(row), delivery: row.id, isNew: row.is_new }];
  });
};
const RIVAL_SOURCE = sql`jsonb_build_object(
  'registry', r.source_registry, 'repository', r.source_repository, 'tag', r.source_tag)`;
interface RivalRow {
  readonly id: string;
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
  readonly source_registry: string;
  readonly source_repository: string;
  readonly source_tag: string;
  readonly is_new: boolean;
}

const wakeAll = async (trx: QueryExecutorProvider, requests: ReadonlyArray<DeliveryRequest>): Promise<void> => {
  for (const target of new Set(requests.map((request) => request.target))) await wakeTarget(trx, target);
};

/**
 * The one place where positions are given.
 *
 * Invariant 2 (DESIGN.md section 5): order of position is order of commit. Every appending transaction takes one advisory
 * lock last and gets its positions under it; the lock is let go after the commit is visible. So whoever sees an event
 * sees all events before it, a checkpoint never passes an event that was not acted on, and a long transaction elsewhere
 * holds nobody up. Numbers may be skipped after a rollback.
 */
import { type QueryExecutorProvider, sql } from "kysely";
import { BrokenInvariant } from "../database/errors.ts";
import type { CheckedEvent } from "./check-event.ts";
import type { Appended } from "./model.ts";

/** Any open transaction, whatever tables it knows. */
export type OpenTransaction = QueryExecutorProvider & { readonly isTransaction: true };

/** Key of the lock under which positions are given: an arbitrary number, "even" in ASCII. Never change it: versions run side by side. */
const POSITION_LOCK = 0x6576656e;
/** Wakes subscribers, who then look for themselves: no payload. */
export const EVENT_CHANNEL = "drayage_event";
/** Senders redeliver for hours, some for days; a week also covers a person who presses the button again. */
export const DEDUPE_DAYS = 7;

interface Seen {
  readonly id: string;
  readonly position: number;
}

/** The delivery ids that are known already. Read under the lock, so nobody can be adding one. */
const seenBefore = async (trx: OpenTransaction, events: ReadonlyArray<CheckedEvent>): Promise<Map<string, Seen>> => {
  const hashes = events.flatMap((event) => (event.dedupeHash === undefined ? [] : [event.dedupeHash]));
  if (hashes.length === 0) return new Map();
  const { rows } = await sql<{ hash: string; id: string; position: number }>`
    select encode(hash, 'hex') as hash, id, position from event_dedupe
    where hash in (select decode(h, 'hex') from unnest(${hashes}::text[]) as h) and expires_at > clock_timestamp()`.execute(
    trx,
  );
  return new Map(rows.map(({ hash, id, position }) => [hash, { id, position }]));
};

const column = <A>(events: ReadonlyArray<CheckedEvent>, f: (event: CheckedEvent) => A | undefined): Array<A | null> =>
  events.map((event) => f(event) ?? null);

/** Appends what is new, remembers its delivery ids and wakes the subscribers: one statement. */
const insertNew = async (trx: OpenTransaction, events: ReadonlyArray<CheckedEvent>): Promise<ReadonlyArray<number>> => {
  const { rows } = await sql<{ id: string; position: number }>`
    with fresh as (
      insert into event
        (position, id, type, source, subject, time, recorded_at, actor, causation_id, correlation_id, traceparent, data)
      select nextval('event_position'), id, type, source, subject, coalesce(time, at), at, actor, causation_id, correlation_id,
             traceparent, data
      from (
        select i.*, now.at from unnest(
          ${column(events, (e) => e.id)}::uuid[], ${column(events, (e) => e.type)}::text[],
          ${column(events, (e) => e.source)}::text[], ${column(events, (e) => e.subject)}::text[],
          ${column(events, (e) => e.time?.toISOString())}::timestamptz[], ${column(events, (e) => e.actor)}::text[],
          ${column(events, (e) => e.causationId)}::text[], ${column(events, (e) => e.correlationId)}::text[],
          ${column(events, (e) => e.traceparent)}::text[], ${column(events, (e) => e.json)}::jsonb[]
        ) with ordinality as i (id, type, source, subject, time, actor, causation_id, correlation_id, traceparent, data, ord),
        (select clock_timestamp() as at) as now
        order by ord
      ) as input
      returning id, position
    ), remembered as (
      insert into event_dedupe (hash, id, position, expires_at)
      select decode(d.hash, 'hex'), fresh.id, fresh.position, clock_timestamp() + make_interval(days => ${DEDUPE_DAYS}::int)
      from unnest(${column(events, (e) => e.id)}::uuid[], ${column(events, (e) => e.dedupeHash)}::text[]) as d (id, hash)
      join fresh on fresh.id = d.id where d.hash is not null
      on conflict (hash) do update set id = excluded.id, position = excluded.position, expires_at = excluded.expires_at
    ), woken as materialized (select pg_notify(${EVENT_CHANNEL}, ''))
    select id, position from fresh, woken`.execute(trx);
  const positions = new Map(rows.map(({ id, position }) => [id, position]));
  return ordered(events.map((event) => positions.get(event.id)));
};

/** Invariant 2 within one append: positions ascend in the order that was asked for. */
const ordered = (positions: ReadonlyArray<number | undefined>): ReadonlyArray<number> => {
  let last = 0;
  return positions.map((position) => {
    if (position === undefined || position <= last) {
      throw new BrokenInvariant(`an event got position ${position} after ${last}`);
    }
    last = position;
    return position;
  });
};

/**
 * Appends checked events. `lock: false` exists for the test that shows that without the lock a subscriber misses events.
 * @internal
 */
export const insertEvents = async (
  trx: OpenTransaction,
  events: ReadonlyArray<CheckedEvent>,
  { lock }: { readonly lock: boolean } = { lock: true },
): Promise<ReadonlyArray<Appended>> => {
  if (events.length === 0) return [];
  if (lock) await sql`select pg_advisory_xact_lock(${sql.lit(POSITION_LOCK)})`.execute(trx);
  const seen = await seenBefore(trx, events);
  const fresh: Array<CheckedEvent> = [];
  const firstIn = new Map<string, CheckedEvent>();
  for (const event of events) {
    const hash = event.dedupeHash;
    if (hash !== undefined && (seen.has(hash) || firstIn.has(hash))) continue;
    if (hash !== undefined) firstIn.set(hash, event);
    fresh.push(event);
  }
  const positions = fresh.length === 0 ? [] : await insertNew(trx, fresh);
  const placed = new Map(fresh.map((event, index) => [event.id, positions[index] ?? 0]));
  return events.map((event): Appended => {
    const position = placed.get(event.id);
    if (position !== undefined) return { id: event.id, position, duplicate: false };
    const hash = event.dedupeHash ?? "";
    const twin = firstIn.get(hash);
    const first = seen.get(hash) ?? (twin && { id: twin.id, position: placed.get(twin.id) ?? 0 });
    if (first === undefined) throw new BrokenInvariant(`event ${event.id} was neither appended nor a duplicate`);
    return { ...first, duplicate: true };
  });
};

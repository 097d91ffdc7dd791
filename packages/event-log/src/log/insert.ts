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

interface Placed {
  readonly id: string;
  readonly position: number;
}

const column = <A>(events: ReadonlyArray<CheckedEvent>, f: (event: CheckedEvent) => A | undefined): Array<A | null> =>
  events.map((event) => f(event) ?? null);

/**
 * Appends all whose delivery id is new, remembers the ids and wakes the subscribers: one statement, as every round trip
 * under the lock is one that all appenders wait for. What it does not return was a duplicate. Takes no id twice.
 */
const insertNew = async (
  trx: OpenTransaction,
  events: ReadonlyArray<CheckedEvent>,
): Promise<ReadonlyMap<string, Placed>> => {
  const { rows } = await sql<Placed>`
    with input as materialized (
      select nextval('event_position') as position, ordered.* from (
        select i.*, clock.at from unnest(
          ${column(events, (e) => e.id)}::uuid[], ${column(events, (e) => e.type)}::text[],
          ${column(events, (e) => e.source)}::text[], ${column(events, (e) => e.subject)}::text[],
          ${column(events, (e) => e.time?.toISOString())}::timestamptz[], ${column(events, (e) => e.actor)}::text[],
          ${column(events, (e) => e.causationId)}::text[], ${column(events, (e) => e.correlationId)}::text[],
          ${column(events, (e) => e.traceparent)}::text[], ${column(events, (e) => e.json)}::jsonb[],
          ${column(events, (e) => e.dedupeHash)}::text[]
        ) with ordinality as i (id, type, source, subject, time, actor, causation_id, correlation_id, traceparent, data, hash, ord),
        (select clock_timestamp() as at) as clock
        order by ord
      ) as ordered
    ), remembered as (
      insert into event_dedupe (hash, id, position, expires_at)
      select decode(hash, 'hex'), id, position, at + make_interval(days => ${DEDUPE_DAYS}::int) from input where hash is not null
      on conflict (hash) do update set id = excluded.id, position = excluded.position, expires_at = excluded.expires_at
        where event_dedupe.expires_at <= clock_timestamp()
      returning id
    ), fresh as (
      insert into event
        (position, id, type, source, subject, time, recorded_at, actor, causation_id, correlation_id, traceparent, data)
      select position, id, type, source, subject, coalesce(time, at), at, actor, causation_id, correlation_id, traceparent, data
      from input where hash is null or id in (select id from remembered)
      returning id, position
    ), woken as materialized (select pg_notify(${EVENT_CHANNEL}, ''))
    select id, position from fresh, woken`.execute(trx);
  return new Map(rows.map((row) => [row.id, row]));
};

/** The first events with these delivery ids. Read under the lock: nobody can be adding one. */
const firstWith = async (trx: OpenTransaction, hashes: ReadonlyArray<string>): Promise<ReadonlyMap<string, Placed>> => {
  if (hashes.length === 0) return new Map();
  const { rows } = await sql<Placed & { readonly hash: string }>`
    select encode(hash, 'hex') as hash, id, position from event_dedupe
    where hash in (select decode(h, 'hex') from unnest(${hashes}::text[]) as h)`.execute(trx);
  return new Map(rows.map(({ hash, id, position }) => [hash, { id, position }]));
};

/** Of several with one delivery id the first, in their order. */
const firstOfEach = (events: ReadonlyArray<CheckedEvent>): ReadonlyArray<CheckedEvent> => {
  const seen = new Set<string>();
  return events.filter(({ id, dedupeHash }) => {
    const key = dedupeHash ?? id;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
};

/** Invariant 2 within one append: positions ascend in the order that was asked for. */
const assertOrder = (appended: ReadonlyArray<Appended>): void => {
  let last = 0;
  for (const { position, duplicate } of appended) {
    if (duplicate) continue;
    if (position <= last) throw new BrokenInvariant(`an event got position ${position} after ${last}`);
    last = position;
  }
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
  const placed = await insertNew(trx, firstOfEach(events));
  const known = await firstWith(
    trx,
    events.flatMap(({ id, dedupeHash }) => (dedupeHash === undefined || placed.has(id) ? [] : [dedupeHash])),
  );
  const appended = events.map(({ id, dedupeHash }): Appended => {
    const own = placed.get(id);
    if (own !== undefined) return { ...own, duplicate: false };
    const first = known.get(dedupeHash ?? "");
    if (first === undefined) throw new BrokenInvariant(`event ${id} was neither appended nor a duplicate`);
    return { ...first, duplicate: true };
  });
  assertOrder(appended);
  return appended;
};

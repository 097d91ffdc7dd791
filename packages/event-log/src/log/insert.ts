/**
 * The one place where positions are given.
 *
 * Invariant 2 (DESIGN.md section 5): order of position is order of commit. Every appending transaction takes one advisory
 * lock last and gets its positions under it; the lock is let go after the commit is visible. So whoever sees an event
 * sees all events before it, a checkpoint never passes an event that was not acted on, and a long transaction elsewhere
 * holds nobody up. Numbers may be skipped after a rollback.
 */
import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import { BrokenInvariant, DatabaseError } from "../database/errors.ts";
import { named } from "../database/named.ts";
import type { CheckedEvent } from "./check-event.ts";
import { jsonColumn, textColumn, timeColumn, uuidColumn } from "./columns.ts";
import type { Appended, RawNotification } from "./model.ts";
import { rawInsert } from "./raw-notification.ts";

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

type Text = "type" | "source" | "subject" | "actor" | "causationId" | "correlationId" | "traceparent" | "dedupeHash";
const texts = (events: ReadonlyArray<CheckedEvent>, name: Text): Buffer | null =>
  textColumn(events.map((event) => event[name]));

interface Together {
  /** False only for the test that shows what the lock is for. */
  readonly lock: boolean;
  /** Raw notifications to be kept beside the events. */
  readonly raw: ReadonlyArray<RawNotification>;
}

/**
 * Takes the lock, appends all whose delivery id is new, remembers the ids and wakes the subscribers: one statement, as every
 * round trip under the lock is one that all appenders wait for. What it does not return was a duplicate. Takes no id twice.
 *
 * `clock` reads from `locked`, so there is no row to be numbered before the lock is ours. The statement may have waited for it, and
 * sees the log as it was before: but what another has meanwhile remembered is met by `on conflict`, which looks at the present.
 */
const insertNew = async (
  db: QueryExecutorProvider,
  events: ReadonlyArray<CheckedEvent>,
  { lock, raw }: Together,
): Promise<ReadonlyMap<string, Placed>> => {
  const taken = lock ? sql`select pg_advisory_xact_lock(${sql.lit(POSITION_LOCK)})` : sql`select`;
  const kept = raw.length === 0 ? sql`` : sql`kept as (${rawInsert(raw)}),`;
  const statement = lock ? named(raw.length === 0 ? "append" : "append_and_keep") : sql``;
  const { rows } = await sql<Placed>`${statement}
    with locked as materialized (${taken}), ${kept} input as materialized (
      select nextval('event_position') as position, ordered.* from (
        select i.*, clock.at from unnest(
          ${uuidColumn(events.map((event) => event.id))}::uuid[], ${texts(events, "type")}::text[],
          ${texts(events, "source")}::text[], ${texts(events, "subject")}::text[],
          ${timeColumn(events.map((event) => event.time))}::timestamptz[], ${texts(events, "actor")}::text[],
          ${texts(events, "causationId")}::text[], ${texts(events, "correlationId")}::text[],
          ${texts(events, "traceparent")}::text[], ${jsonColumn(events.map((event) => event.json))}::jsonb[],
          ${texts(events, "dedupeHash")}::text[]
        ) with ordinality as i (id, type, source, subject, time, actor, causation_id, correlation_id, traceparent, data, hash, ord),
        (select clock_timestamp() as at from locked) as clock
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
    select id, position from fresh, woken`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
};

/** The first events with these delivery ids. */
const firstWith = async (
  db: QueryExecutorProvider,
  hashes: ReadonlyArray<string>,
): Promise<ReadonlyMap<string, Placed>> => {
  if (hashes.length === 0) return new Map();
  const { rows } = await sql<Placed & { readonly hash: string }>`
    select encode(hash, 'hex') as hash, id, position from event_dedupe
    where hash in (select decode(h, 'hex') from unnest(${hashes}::text[]) as h)`.execute(db);
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
 * Appends checked events in the caller's transaction.
 * @internal
 */
export const insertEvents = (
  trx: OpenTransaction,
  events: ReadonlyArray<CheckedEvent>,
  { lock }: { readonly lock: boolean } = { lock: true },
): Promise<ReadonlyArray<Appended>> => insertAll(trx, events, { lock, raw: [] });

/**
 * Appends checked events, and keeps raw notifications, in a transaction of their own. It is one statement, which PostgreSQL commits before it says
 * that it is ready again, and that is what the driver waits for (invariant 1). With five round trips (begin, raw, lock, events, commit)
 * each flush waited five times for an event loop that is busy with requests, twice of them under the lock.
 * @internal
 */
export const appendAlone = async (
  db: Kysely<object>,
  events: ReadonlyArray<CheckedEvent>,
  raw: ReadonlyArray<RawNotification>,
): Promise<ReadonlyArray<Appended>> => {
  if (events.length > 0) return insertAll(db, events, { lock: true, raw });
  if (raw.length > 0) await rawInsert(raw).execute(db);
  return [];
};

const insertAll = async (
  db: QueryExecutorProvider,
  events: ReadonlyArray<CheckedEvent>,
  together: Together,
): Promise<ReadonlyArray<Appended>> => {
  if (events.length === 0) return [];
  const placed = await insertNew(db, firstOfEach(events), together);
  const known = await firstWith(
    db,
    events.flatMap(({ id, dedupeHash }) => (dedupeHash === undefined || placed.has(id) ? [] : [dedupeHash])),
  );
  const appended = events.map(({ id, dedupeHash }): Appended => {
    const own = placed.get(id);
    if (own !== undefined) return { ...own, duplicate: false };
    const first = known.get(dedupeHash ?? "");
    if (first === undefined) throw forgotten(id);
    return { ...first, duplicate: true };
  });
  assertOrder(appended);
  return appended;
};

/** A delivery id that expired and was removed right between two of our statements: asked again, it is new. */
const forgotten = (id: string): DatabaseError =>
  new DatabaseError({
    operation: "append",
    code: SERIALIZATION_FAILURE,
    transient: true,
    detail: `the delivery id of event ${id} expired at this moment`,
    cause: undefined,
  });
const SERIALIZATION_FAILURE = "40001";

/** Types of what was appended and not known already. */
export const newTypes = (
  events: ReadonlyArray<{ readonly type: string }>,
  appended: ReadonlyArray<Appended>,
): ReadonlyArray<string> => events.flatMap(({ type }, i) => (appended[i]?.duplicate === false ? [type] : []));

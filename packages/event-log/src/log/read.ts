import { type Kysely, type RawBuilder, type Selectable, sql } from "kysely";
import type { RecordedEvent } from "./model.ts";
import type { LogTables } from "./tables.ts";

/** A page that still fits well into memory; callers go on from the last position. */
export const READ_EVENTS_MAX = 10_000;

export interface ReadOptions {
  /** Events after this position; 0 is the beginning. */
  readonly after: number;
  /** At most 10,000. */
  readonly limit: number;
  /** Only these types; default all. */
  readonly types?: ReadonlyArray<string> | undefined;
}

export interface ReadBackwardOptions {
  /** Events before this position; default from the end. */
  readonly before?: number | undefined;
  /** At most 10,000. */
  readonly limit: number;
  readonly types?: ReadonlyArray<string> | undefined;
}

/** @internal */
export const toEvent = (row: EventRow): RecordedEvent => ({
  position: row.position,
  id: row.id,
  type: row.type,
  source: row.source,
  subject: row.subject ?? undefined,
  time: row.time,
  recordedAt: row.recorded_at,
  actor: row.actor ?? undefined,
  causationId: row.causation_id ?? undefined,
  correlationId: row.correlation_id ?? undefined,
  traceparent: row.traceparent ?? undefined,
  data: row.data,
});

/** Larger than any position. As text, since no number of JavaScript holds it. */
const END_OF_LOG = "9223372036854775807";

/** Ascending. */
export const readForward = async (db: Kysely<object>, options: ReadOptions): Promise<ReadonlyArray<RecordedEvent>> => {
  if (options.types?.length === 0) return [];
  const { rows } = await forwardPage(options).execute(db);
  return rows.map(toEvent);
};

/** Descending: the newest first. */
export const readBackward = async (
  db: Kysely<object>,
  options: ReadBackwardOptions,
): Promise<ReadonlyArray<RecordedEvent>> => {
  if (options.types?.length === 0) return [];
  const { rows } = await backwardPage(options).execute(db);
  return rows.map(toEvent);
};

/** @internal */
export type EventRow = Selectable<LogTables["event"]>;

/** @internal */
export const forwardPage = ({ after, limit, types }: ReadOptions): RawBuilder<EventRow> => {
  const most = Math.min(limit, READ_EVENTS_MAX);
  return types === undefined
    ? sql<EventRow>`select * from event where position > ${after}::bigint order by position limit ${most}::int`
    : sql<EventRow>`select * from event_page(${after}::bigint, ${[...new Set(types)]}::text[], ${most}::int)`;
};

/** @internal */
export const backwardPage = ({ before, limit, types }: ReadBackwardOptions): RawBuilder<EventRow> => {
  const most = Math.min(limit, READ_EVENTS_MAX);
  const end = before ?? END_OF_LOG;
  return types === undefined
    ? sql<EventRow>`select * from event where position < ${end}::bigint order by position desc limit ${most}::int`
    : sql<EventRow>`select * from event_page_backward(${end}::bigint, ${[...new Set(types)]}::text[], ${most}::int)`;
};

/** Position of the last event, 0 in an empty log. */
export const readHead = async (db: Kysely<object>): Promise<number> => {
  const { rows } = await sql<{ head: number }>`select coalesce(max(position), 0) as head from event`.execute(db);
  return rows[0]?.head ?? 0;
};

/**
 * Position of the last event that was recorded before `time`, 0 when there is none: reading after it gives what came at
 * `time` and later. Halves the range by position, which needs no index on the time. Where the database's clock was set
 * back, the answer is one of several right ones.
 */
export const readPositionAt = async (db: Kysely<object>, time: Date): Promise<number> => {
  const { rows } = await sql<{ position: number }>`
    with recursive ends as (
      select coalesce(min(position), 1) as lo, coalesce(max(position), 0) as hi from event
    ), search as (
      -- every event before lo is older than the time, every event from hi + 1 on is not
      select lo, hi from ends
      union all
      select case when older then probe.position + 1 else lo end,
             case when older then hi else (lo + hi) / 2 - 1 end
      from search,
      lateral (
        select position, recorded_at < ${time.toISOString()}::timestamptz as older from event
        where position >= (lo + hi) / 2 order by position limit 1
      ) as probe
      where lo <= hi
    )
    select coalesce((select max(position) from event where position < (select max(lo) from search)), 0) as position`.execute(
    db,
  );
  return rows[0]?.position ?? 0;
};

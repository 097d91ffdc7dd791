import { type Kysely, type Selectable, sql } from "kysely";
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

const toEvent = (row: Selectable<LogTables["event"]>): RecordedEvent => ({
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

const page = (db: Kysely<object>, limit: number, types: ReadonlyArray<string> | undefined) => {
  const query = db.withTables<LogTables>().selectFrom("event").selectAll().limit(Math.min(limit, READ_EVENTS_MAX));
  return types === undefined ? query : query.where("type", "in", types);
};

/** Ascending. */
export const readForward = async (db: Kysely<object>, options: ReadOptions): Promise<ReadonlyArray<RecordedEvent>> => {
  if (options.types?.length === 0) return [];
  const rows = await page(db, options.limit, options.types)
    .where("position", ">", options.after)
    .orderBy("position", "asc")
    .execute();
  return rows.map(toEvent);
};

/** Descending: the newest first. */
export const readBackward = async (
  db: Kysely<object>,
  options: ReadBackwardOptions,
): Promise<ReadonlyArray<RecordedEvent>> => {
  if (options.types?.length === 0) return [];
  const query = page(db, options.limit, options.types).orderBy("position", "desc");
  const rows = await (options.before === undefined ? query : query.where("position", "<", options.before)).execute();
  return rows.map(toEvent);
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

import type { Window } from "@drayage/domain";
import { appendWithin, Database, type DatabaseError } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { type QueryExecutorProvider, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { toNewEvent } from "./events.ts";

/** Who asks to pause or resume a target, and why: both are kept in the log. */
export interface PauseRequest {
  readonly target: string;
  /** Only what is of lower priority than all news and repairs. */
  readonly backfill?: boolean | undefined;
  readonly why: string;
  /** e.g. `user:ci`. */
  readonly actor: string;
}

const columnOf = (backfill: boolean | undefined) => sql.ref(backfill === true ? "backfill_paused_at" : "paused_at");

/**
 * No delivery of the target is claimed from here on, by whichever process; what is being worked on is finished. Requests collect as ever, one
 * delivery for each name, so that a long pause costs no more than a short one. False: it was paused already, and nothing was written.
 */
export const pauseTarget = Effect.fnUntraced(function* ({
  target,
  backfill,
  why,
  actor,
}: PauseRequest): Effect.fn.Return<boolean, DatabaseError, Database> {
  return yield* (yield* Database).transaction("pause target", async (trx) => {
    await sql`insert into target_control (target) values (${target}) on conflict do nothing`.execute(trx);
    const { rows } = await sql`
      update target_control set ${columnOf(backfill)} = now()
      where target = ${target} and ${columnOf(backfill)} is null returning 1`.execute(trx);
    if (rows.length === 0) return false;
    await appendWithin(trx, [toNewEvent({ _tag: "TargetPaused", target, backfill, why }, actor)]);
    return true;
  });
});

/** Work goes on at once. False: it was not paused. */
export const resumeTarget = Effect.fnUntraced(function* ({
  target,
  backfill,
  why,
  actor,
}: PauseRequest): Effect.fn.Return<boolean, DatabaseError, Database> {
  return yield* (yield* Database).transaction("resume target", async (trx) => {
    const { rows } = await sql`
      update target_control set ${columnOf(backfill)} = null
      where target = ${target} and ${columnOf(backfill)} is not null returning 1`.execute(trx);
    if (rows.length === 0) return false;
    await wakeTarget(trx, target);
    await appendWithin(trx, [toNewEvent({ _tag: "TargetResumed", target, backfill, why }, actor)]);
    return true;
  });
});

/** When backfill may begin at a target; undefined: at any time. It is the target's, whichever route or person asked for the work. */
export const setBackfillWindow = async (
  db: QueryExecutorProvider,
  target: string,
  window: Window | undefined,
): Promise<void> => {
  await sql`
    insert into target_control (target, window_from, window_until, window_zone)
    values (${target}, ${window?.from ?? null}, ${window?.until ?? null}, ${window?.zone ?? null})
    on conflict (target) do update set window_from = excluded.window_from, window_until = excluded.window_until,
      window_zone = excluded.window_zone`.execute(db);
  await wakeTarget(db, target);
};

/** Targets that are paused, and since when. */
export const readPaused = async (db: QueryExecutorProvider): Promise<ReadonlyMap<string, Date>> => {
  const { rows } = await sql<{ target: string; paused_at: Date }>`
    select target, paused_at from target_control where paused_at is not null`.execute(db);
  return new Map(rows.map(({ target, paused_at }) => [target, paused_at]));
};

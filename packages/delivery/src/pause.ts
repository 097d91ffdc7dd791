import { appendWithin, Database, type DatabaseError } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { type QueryExecutorProvider, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { toNewEvent } from "./events.ts";

/** Who asks to pause or resume a target, and why: both are kept in the log. */
export interface PauseRequest {
  readonly target: string;
  readonly why: string;
  /** e.g. `user:ci`. */
  readonly actor: string;
}

/**
 * No delivery of the target is claimed from here on, by whichever process; what is being worked on is finished. Requests collect as ever, one
 * delivery for each name, so that a long pause costs no more than a short one. False: it was paused already, and nothing was written.
 */
export const pauseTarget = Effect.fnUntraced(function* ({
  target,
  why,
  actor,
}: PauseRequest): Effect.fn.Return<boolean, DatabaseError, Database> {
  return yield* (yield* Database).transaction("pause target", async (trx) => {
    const { rows } = await sql`
      insert into target_control as c (target, paused_at) values (${target}, now())
      on conflict (target) do update set paused_at = excluded.paused_at where c.paused_at is null
      returning 1`.execute(trx);
    if (rows.length === 0) return false;
    await appendWithin(trx, [toNewEvent({ _tag: "TargetPaused", target, why }, actor)]);
    return true;
  });
});

/** Work goes on at once. False: it was not paused. */
export const resumeTarget = Effect.fnUntraced(function* ({
  target,
  why,
  actor,
}: PauseRequest): Effect.fn.Return<boolean, DatabaseError, Database> {
  return yield* (yield* Database).transaction("resume target", async (trx) => {
    const { rows } = await sql`
      update target_control set paused_at = null where target = ${target} and paused_at is not null
      returning 1`.execute(trx);
    if (rows.length === 0) return false;
    await wakeTarget(trx, target);
    await appendWithin(trx, [toNewEvent({ _tag: "TargetResumed", target, why }, actor)]);
    return true;
  });
});

/** Targets that are paused, and since when. */
export const readPaused = async (db: QueryExecutorProvider): Promise<ReadonlyMap<string, Date>> => {
  const { rows } = await sql<{ target: string; paused_at: Date }>`
    select target, paused_at from target_control where paused_at is not null`.execute(db);
  return new Map(rows.map(({ target, paused_at }) => [target, paused_at]));
};

import type { Config } from "@drayage/config";
import { lead } from "@drayage/delivery";
import { Database, EventLog } from "@drayage/event-log";
import type { Registries } from "@drayage/registries";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import * as Semaphore from "effect/Semaphore";
import { untilDone } from "./again.ts";
import { changed } from "./changed.ts";
import { rescans } from "./rescan.ts";
import { type Reconciler, reconcileAndAppend } from "./run.ts";
import { onCron } from "./schedule.ts";
import { catchUp } from "./unfinished.ts";

/** Of all processes on one database at most one works by the clock; rescans are leased one by one. */
const LEADER = "reconcile";

/**
 * Compares on schedule, at once for targets that never were, again for what could not be read, and whenever a rescan is asked for; until it
 * is interrupted. Any number may run on one database.
 */
export const reconciler = Effect.fnUntraced(function* (options: {
  readonly config: Config;
  readonly registries: Registries;
}): Effect.fn.Return<never, never, Database | EventLog> {
  const context: Reconciler = { ...options, database: yield* Database, log: yield* EventLog };
  return yield* Effect.all([lead([LEADER], () => byTheClock(context)), rescans(context)], {
    concurrency: "unbounded",
  }).pipe(Effect.andThen(Effect.never));
});

const byTheClock = Effect.fnUntraced(function* (context: Reconciler): Effect.fn.Return<never> {
  const { full, changed: changes } = context.config.reconcile;
  // A full run and one of what changed would compare the same names at the same time.
  const one = yield* Semaphore.make(1);
  const incomplete = yield* Latch.make(true);
  const fullRun = reconcileAndAppend(context, { kind: "full" }).pipe(
    Effect.tap(({ completeness }) => (completeness === "complete" ? Effect.void : incomplete.open)),
  );
  const jobs = [
    Effect.forever(
      incomplete.await.pipe(
        Effect.andThen(incomplete.close),
        Effect.andThen(
          untilDone(job("a reconciliation of what is not level", one.withPermit(catchUp(context)), false)),
        ),
      ),
    ),
    ...(full === undefined ? [] : [onCron(full, job("the full reconciliation", one.withPermit(fullRun)))]),
    ...(changes === undefined
      ? []
      : [onCron(changes, job("the reconciliation of changes", one.withPermit(changed(context))))]),
  ];
  yield* Effect.all(jobs, { concurrency: "unbounded", discard: true });
  return yield* Effect.never;
});

/** Whatever fails, even a bug, is logged and costs this run alone: a schedule that stops without a word is worse (FAILURES F27). */
const job = <A, E, B = undefined>(what: string, run: Effect.Effect<A, E>, otherwise?: B): Effect.Effect<A | B> =>
  Effect.catchCause(run, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt;
    const error = Cause.squash(cause);
    const line = `${what} ended early: ${error instanceof Error ? error.message : error}; the next one will look again`;
    return Effect.as(Cause.hasDies(cause) ? Effect.logError(line, cause) : Effect.logWarning(line), otherwise as B);
  });

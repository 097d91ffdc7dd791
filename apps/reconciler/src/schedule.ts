import { Cron } from "croner";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";

/** Installations share their crons by copying files: a random part of at most this keeps them from asking a registry in step. */
const JITTER_MOST_MS = 60_000;
/** The jitter is at most this share of the time to the next run, so that a run each minute stays one. */
const JITTER_SHARE = 0.1;

/** Runs `job` at the times of a cron pattern, for ever; one run at a time, a time that passes during a run is left out (FAILURES F16). */
export const onCron = Effect.fnUntraced(function* <E, R>(pattern: string, job: Effect.Effect<void, E, R>) {
  const cron = new Cron(pattern, { paused: true });
  while (true) {
    const now = yield* Clock.currentTimeMillis;
    const next = cron.nextRun(new Date(now));
    if (next === null) return yield* Effect.never;
    const wait = next.getTime() - now;
    const jitter = (yield* Random.next) * Math.min(JITTER_MOST_MS, wait * JITTER_SHARE);
    yield* Effect.sleep(wait + jitter);
    yield* job;
  }
});

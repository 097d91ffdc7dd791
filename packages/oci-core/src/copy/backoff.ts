import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import type { CopyLimits } from "./limits.ts";

type Pace = Pick<CopyLimits, "backoffMs" | "backoffMaxMs">;

/**
 * How long to wait before try `attempt + 1` (the first try is 1), ms: full jitter under a doubling ceiling, so that
 * copies that failed together do not return together. A Retry-After is a floor that jitter cannot undercut; one that is
 * longer than the highest ceiling is cut, because the delivery's own retry waits it out without holding a worker.
 */
export const delayMs = (attempt: number, draw: number, pace: Pace, retryAfterMs = 0): number => {
  const ceiling = Math.min(pace.backoffMaxMs, pace.backoffMs * 2 ** Math.min(attempt - 1, 30));
  return Math.max(Math.min(retryAfterMs, pace.backoffMaxMs), ceiling * draw);
};

/** Sleeps for `delayMs`. */
export const pause = Effect.fnUntraced(function* (attempt: number, pace: Pace, retryAfterMs?: number | undefined) {
  const draw = yield* Random.next;
  yield* Effect.sleep(delayMs(attempt, draw, pace, retryAfterMs));
});

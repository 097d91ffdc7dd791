import * as Effect from "effect/Effect";

/** A registry that restarts is back within seconds, and until then nobody can say whether its target is level. */
const AGAIN_MIN_MS = 5_000;
/** Each time compares a whole target: not more often than `reconcile.changed` would, during an outage that lasts. */
const AGAIN_MAX_MS = 15 * 60_000;

/** Runs `attempt` until it says that it is done, waiting twice as long each time. */
export const untilDone = Effect.fnUntraced(function* (attempt: Effect.Effect<boolean>) {
  for (let delay = AGAIN_MIN_MS; !(yield* attempt); delay = Math.min(delay * 2, AGAIN_MAX_MS))
    yield* Effect.sleep(delay);
});

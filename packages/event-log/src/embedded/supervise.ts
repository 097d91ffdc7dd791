import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { causeLine, type EmbeddedError } from "./errors.ts";
import { HEARTBEAT_MS, type OwnerLock } from "./owner-lock.ts";
import { isPostmaster } from "./postmaster.ts";

/** How soon a killed server is noticed: well within the retry of a caller, and four looks a second cost nothing. */
const LOOK_MS = 250;
const RESPAWN_MIN_MS = 100;
/** A full disk is not cured by trying more often. */
const RESPAWN_MAX_MS = 10_000;

/** What the owner knows of its server. */
export interface Owned {
  pid: number;
  /** False once somebody else has taken the lock: from then on the server is not ours to touch. */
  held: boolean;
}

/** Keeps the server running and the lock ours, for ever. Starts again with growing pauses what does not stay up. */
export const supervise = (
  owned: Owned,
  lock: OwnerLock,
  start: Effect.Effect<void, EmbeddedError>,
): Effect.Effect<void> =>
  Effect.gen(function* () {
    let pause = RESPAWN_MIN_MS;
    let lastBeat = 0;
    for (;;) {
      const now = yield* Clock.currentTimeMillis;
      if (now - lastBeat >= HEARTBEAT_MS) {
        lastBeat = now;
        // A disk that fails for a moment is not a lost lock: the next beat tells.
        owned.held = yield* Effect.tryPromise(() => lock.beat()).pipe(
          Effect.catch((error) =>
            Effect.as(Effect.logWarning("embedded database: no heartbeat", causeLine(error.cause)), true),
          ),
        );
        if (!owned.held) {
          return yield* Effect.logError(
            "embedded database: another process has taken the owner lock; the server is left to it",
          );
        }
      }
      if (yield* Effect.promise(() => isPostmaster(owned.pid))) {
        pause = RESPAWN_MIN_MS;
        yield* Effect.sleep(LOOK_MS);
        continue;
      }
      yield* Effect.logWarning("embedded database: the server has ended; starting it again", { pid: owned.pid });
      yield* Effect.catchTag(start, "EmbeddedError", (error) => Effect.logError(error.message));
      yield* Effect.sleep(pause);
      pause = Math.min(pause * 2, RESPAWN_MAX_MS);
    }
  });

import * as Effect from "effect/Effect";
import { causeLine, type EmbeddedError } from "./errors.ts";
import { HEARTBEAT_MS, type OwnerLock } from "./owner-lock.ts";
import { isPostmaster, type ServerProcess } from "./postmaster.ts";
import { abandonServer, stopServer } from "./server.ts";
import { hasSocket } from "./socket-directory.ts";

/** How soon a killed server is noticed: well within the retry of a caller, and four looks a second cost nothing. */
const LOOK_MS = 250;
const RESPAWN_MIN_MS = 100;
/** A full disk is not cured by trying more often. */
const RESPAWN_MAX_MS = 10_000;

/** What the owner knows of its server. */
export interface Owned {
  /** Undefined until there is one. */
  server: ServerProcess | undefined;
  socketDirectory: string;
  /** False once somebody else has taken the lock: from then on the cluster is not ours to touch. */
  held: boolean;
}

/**
 * Says that we live, from the moment we have the lock: while the server is being made, recovers or is started again, too. Those take longer
 * than others wait for a heartbeat, and another container would start a second server on the same files.
 *
 * Whoever takes the lock in spite of that cannot see our processes, so it does not know that our server runs: it has to end at
 * once, before two write to one cluster.
 */
export const keepLock = (owned: Owned, lock: OwnerLock, everyMs = HEARTBEAT_MS): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (owned.held) {
      yield* Effect.sleep(everyMs);
      // A disk that fails for a moment is not a lost lock: the next beat tells.
      owned.held = yield* Effect.tryPromise(() => lock.beat()).pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logWarning("embedded database: no heartbeat", causeLine(error.cause)), true),
        ),
      );
    }
    yield* Effect.logError(
      "embedded database: another process has taken the owner lock; our server ends at once, the cluster is left to it",
    );
    const { server } = owned;
    if (server !== undefined) yield* attempt("cannot stop the server", () => abandonServer(server));
  });

/** Keeps the server running and reachable, as long as the lock is ours. Starts again with growing pauses what does not stay up. */
export const supervise = (owned: Owned, start: Effect.Effect<void, EmbeddedError>): Effect.Effect<void> =>
  Effect.gen(function* () {
    let pause = RESPAWN_MIN_MS;
    while (owned.held) {
      const { server, socketDirectory } = owned;
      const runs = server !== undefined && (yield* Effect.promise(() => isPostmaster(server)));
      if (runs && (yield* Effect.promise(() => hasSocket(socketDirectory)))) {
        pause = RESPAWN_MIN_MS;
        yield* Effect.sleep(LOOK_MS);
        continue;
      }
      if (runs) {
        yield* Effect.logWarning("embedded database: the server's socket is gone; starting it again", {
          socketDirectory,
        });
        yield* attempt("cannot stop the server", () => stopServer(server));
      } else {
        yield* Effect.logWarning("embedded database: the server has ended; starting it again", { pid: server?.pid });
      }
      yield* Effect.catchTag(start, "EmbeddedError", (error) => Effect.logError(error.message));
      yield* Effect.sleep(pause);
      pause = Math.min(pause * 2, RESPAWN_MAX_MS);
    }
  });

/** What fails is said, and tried again with the next round. */
const attempt = (what: string, f: () => Promise<void>): Effect.Effect<void> =>
  Effect.catch(Effect.tryPromise(f), (error) =>
    Effect.logError(`embedded database: ${what}: ${causeLine(error.cause)}`),
  );

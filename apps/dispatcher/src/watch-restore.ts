import { join } from "node:path";
import type { Config } from "@drayage/config";
import { noticeRestore, readMark, writeMark } from "@drayage/delivery";
import type { Database, DatabaseError, EventLog, LogUnavailable } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";

/** Outside of the database, and not in its folder: what puts its files back must not put this back too. */
const FILE = "log-mark.json";
/** What was told since the last mark is what a restore could hide. */
const EVERY = "10 seconds";

type Watched = Pick<Config, "instance" | "dataDir">;

/** One look: whether our database is still the one that we wrote, then the new mark. */
export const lookForRestore = Effect.fnUntraced(function* ({
  instance,
  dataDir,
}: Watched): Effect.fn.Return<void, DatabaseError | LogUnavailable, Database | EventLog> {
  const file = join(dataDir, FILE);
  const why = yield* noticeRestore(yield* readMark(file, instance));
  if (why !== undefined)
    yield* Effect.logWarning(
      `${why}: our books may be old, nothing is deleted at a target until it was compared completely`,
    );
  yield* writeMark(file, instance);
});

/** The same, for ever. A database that is away, or a disk that is full, is no restore. */
export const watchRestore = (watched: Watched): Effect.Effect<never, never, Database | EventLog> =>
  lookForRestore(watched).pipe(
    Effect.catchCause((cause) => Effect.logWarning("could not tell whether the database was restored", cause)),
    Effect.repeat(Schedule.spaced(EVERY)),
    Effect.andThen(Effect.never),
  );

import type { Config } from "@drayage/config";
import { EventLog } from "@drayage/event-log";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";

/** Old raw notifications take room and hurt nobody: looking each hour is enough. */
const EVERY = "1 hour";

/** Removes raw notifications older than `retention.raw`, for ever. Events are never removed. */
export const prune = Effect.fnUntraced(function* (config: Config) {
  const log = yield* EventLog;
  const once = Effect.gen(function* () {
    const now = new Date(yield* Clock.currentTimeMillis);
    yield* log.prune({ now, rawOlderThanMs: config.retention.raw });
  }).pipe(Effect.catchTag("LogUnavailable", (error) => Effect.logWarning("old raw notifications stay for now", error)));
  yield* Effect.repeat(once, Schedule.spaced(EVERY));
});

import { join } from "node:path";
import type { Config } from "@drayage/config";
import { EventLog } from "@drayage/event-log";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";

/** What is too old takes room and hurts nobody: looking each hour is enough. */
const EVERY = "1 hour";

/** Whose work must be done before an event may leave the log. */
export interface Follower {
  readonly subscriber: string;
  readonly types: ReadonlyArray<string>;
}

/**
 * Removes raw notifications older than `retention.raw` and archives events older than `retention.events`, for ever. Beside the dispatcher, since what its
 * subscribers have not acted on must stay (invariant 2). One process at a time does it.
 */
export const keepRetention = (
  config: Pick<Config, "retention" | "dataDir">,
  followers: ReadonlyArray<Follower>,
): Effect.Effect<never, never, EventLog> =>
  Effect.repeat(
    Effect.catchTag(once(config, followers), "LogUnavailable", (error) =>
      Effect.logWarning(`what is too old stays for now: ${error.message}`),
    ),
    Schedule.spaced(EVERY),
  ).pipe(Effect.andThen(Effect.never));

/** @internal */
export const once = Effect.fnUntraced(function* (
  { retention, dataDir }: Pick<Config, "retention" | "dataDir">,
  followers: ReadonlyArray<Follower>,
) {
  const log = yield* EventLog;
  const now = yield* Clock.currentTimeMillis;
  yield* log.prune({ now: new Date(now), rawOlderThanMs: retention.raw });
  if (retention.events === undefined) return;
  const archived = yield* log.archive({
    before: new Date(now - retention.events),
    directory: join(dataDir, "archive"),
    subscribers: followers.map(({ subscriber, types }) => ({ name: subscriber, types })),
  });
  for (const part of archived) yield* Effect.logInfo("events were archived", { ...part });
});

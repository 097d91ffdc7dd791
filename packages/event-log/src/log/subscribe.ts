import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import type { Listen } from "../database/listen.ts";
import type { LogUnavailable } from "./errors.ts";
import { EVENT_CHANNEL } from "./insert.ts";
import type { RecordedEvent } from "./model.ts";
import { READ_EVENTS_MAX, type ReadOptions } from "./read.ts";

export interface SubscribeOptions {
  /** For our own log lines: whose subscription it is. */
  readonly name?: string | undefined;
  /** Events after this position, which is usually the subscriber's checkpoint. */
  readonly after: number;
  /** Most events in one batch. Default 500, at most 10,000. */
  readonly batch?: number | undefined;
  readonly types?: ReadonlyArray<string> | undefined;
}

/** A batch that is quick to decide on and to write in one transaction. */
const BATCH_EVENTS = 500;
/** The safety net under LISTEN: how late an event is when a wake was lost. One indexed query each second costs nothing. */
const POLL_MS = 1_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

type Read = (options: ReadOptions) => Effect.Effect<ReadonlyArray<RecordedEvent>, LogUnavailable>;

/**
 * All events after a position, for ever, in order, none twice and none left out. A lost connection is waited out; only
 * what waiting cannot cure ends the stream. It reads the next batch when the one before was taken.
 */
export const subscribe = (
  read: Read,
  listen: Listen,
  options: SubscribeOptions,
): Stream.Stream<ReadonlyArray<RecordedEvent>, LogUnavailable> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const news = yield* Latch.make(true);
      const wake = (): void => {
        news.openUnsafe();
      };
      yield* listen(EVENT_CHANNEL, { onPayload: wake, onConnect: wake });
      const limit = Math.min(options.batch ?? BATCH_EVENTS, READ_EVENTS_MAX);

      const readPatiently = Effect.fnUntraced(function* (after: number) {
        for (let delay = RETRY_MIN_MS; ; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
          const events = yield* read({ after, limit, types: options.types }).pipe(
            Effect.asSome,
            Effect.catchTag("LogUnavailable", (error) =>
              error.transient
                ? Effect.as(Effect.logWarning(error.message, { subscriber: options.name }), Option.none())
                : Effect.fail(error),
            ),
          );
          if (Option.isSome(events)) return events.value;
          yield* Effect.sleep(Duration.millis(delay));
        }
      });

      return Stream.paginate(options.after, (after) =>
        Effect.gen(function* () {
          for (;;) {
            news.closeUnsafe(); // before the read: what is committed during it wakes us again
            const events = yield* readPatiently(after);
            const last = events.at(-1);
            if (last !== undefined) return [[events], Option.some(last.position)] as const;
            yield* Effect.timeoutOption(news.await, Duration.millis(POLL_MS));
          }
        }),
      );
    }),
  );

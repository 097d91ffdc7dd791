import { type Database, type DatabaseError, EventLog, LogUnavailable } from "@drayage/event-log";
import * as Cause from "effect/Cause";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type * as Semaphore from "effect/Semaphore";
import * as Stream from "effect/Stream";
import { tell } from "./counts.ts";
import type { Dispatch } from "./dispatch-batch.ts";
import { dispatchAll } from "./pass-over.ts";

export interface Subscription {
  readonly subscriber: string;
  readonly types: ReadonlyArray<string>;
  readonly dispatch: Dispatch;
}

/** From a lost connection to a server that is back: soon after a blip, not in a storm during an outage. */
const AGAIN = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]);

/**
 * Batches that one process works on at the same time, whatever the number of its targets. Each holds a connection of the pool (ten, of which others need some)
 * and all that was decided of it; the server has seldom more than four cores for us, so more would only wait there, and hold memory.
 */
export const BATCHES_MOST = 4;

/** Events of a batch. Half as many cost a fifth more for each; twice as many hold the rows that they change twice as long from those who report on them. */
const BATCH_EVENTS = 1_000;

/**
 * Follows the log from the checkpoint of its subscriber, for ever: a batch is one transaction, for which it waits for one of `slots`. Whatever fails, even a bug, is
 * logged and begun again at the checkpoint, and concerns this subscriber alone (invariant 7).
 */
export const follow = (
  subscription: Subscription,
  slots: Semaphore.Semaphore,
): Effect.Effect<never, never, Database | EventLog> =>
  followOnce(subscription, slots).pipe(
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : new Broke({ cause }))),
    Effect.tapError(({ cause }) => logBroke(subscription.subscriber, cause)),
    Effect.retry(AGAIN),
    Effect.orDie,
  );

/** A line for what the database does to us; all there is to know of a bug. */
const logBroke = (subscriber: string, cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const text = `dispatch of ${subscriber} begins again at its checkpoint`;
  const error = Cause.hasDies(cause) ? undefined : Cause.squash(cause);
  return error instanceof Error
    ? Effect.logWarning(`${text}: ${error.message}`)
    : Effect.logError(`${text} after a fault of Drayage`, cause);
};

/** One attempt ended. */
class Broke extends Data.TaggedError("Broke")<{ readonly cause: Cause.Cause<unknown> }> {}

const followOnce = Effect.fnUntraced(function* (
  { subscriber, types, dispatch }: Subscription,
  slots: Semaphore.Semaphore,
): Effect.fn.Return<never, DatabaseError | LogUnavailable, Database | EventLog> {
  const log = yield* EventLog;
  let at = (yield* log.checkpoint(subscriber)) ?? 0;
  yield* log.subscribe({ name: subscriber, after: at, types, batch: BATCH_EVENTS }).pipe(
    Stream.runForEach((events) =>
      Effect.gen(function* () {
        const to = events.at(-1)?.position ?? at;
        const told = yield* slots.withPermit(dispatchAll(dispatch, { subscriber, from: at, to, events }));
        at = to;
        yield* tell(subscriber, told);
      }),
    ),
  );
  return yield* new LogUnavailable({
    operation: "subscribe",
    transient: true,
    detail: "the subscription ended, although the log has no end",
  });
});

/**
 * Subscribers of one process read the same pages: each target has its own subscription with the same types, and all wake at the same notice. Read once
 * for all of them, a page costs the database once and memory once, however many targets there are.
 *
 * What may be shared without any of them missing an event (invariant 2):
 * - A page that is full, for ever: events are never changed, and none comes in between.
 * - A read that has not begun yet. One that is on its way may have looked before the news that woke the next subscriber.
 */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { LogUnavailable } from "./errors.ts";
import type { RecordedEvent } from "./model.ts";
import type { ReadOptions } from "./read.ts";

export type ReadPage = (options: ReadOptions) => Effect.Effect<ReadonlyArray<RecordedEvent>, LogUnavailable>;

/** Subscribers that are behind go through the log at nearly the same pace. A page of 500 events is half a megabyte; who is further apart reads alone. */
const PAGES_KEPT = 6;

export const sharePages = (read: ReadPage): Effect.Effect<ReadPage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope;
    const full = new Map<string, ReadonlyArray<RecordedEvent>>();
    const asked = new Map<string, Deferred.Deferred<ReadonlyArray<RecordedEvent>, LogUnavailable>>();

    const keep = (key: string, events: ReadonlyArray<RecordedEvent>): void => {
      full.set(key, events);
      const [oldest] = full.keys();
      if (full.size > PAGES_KEPT && oldest !== undefined) full.delete(oldest);
    };
    const readOnce = (key: string, options: ReadOptions): ReturnType<ReadPage> =>
      Effect.gen(function* () {
        yield* nextTurn; // all that the same notice has woken
        asked.delete(key);
        const events = yield* read(options);
        if (events.length === options.limit) keep(key, events);
        return events;
      });

    return (options) =>
      Effect.suspend(() => {
        const key = JSON.stringify([options.after, options.limit, options.types]);
        const kept = full.get(key);
        if (kept !== undefined) return Effect.succeed(kept);
        const begun = asked.get(key);
        if (begun !== undefined) return Deferred.await(begun);
        const answer = Deferred.makeUnsafe<ReadonlyArray<RecordedEvent>, LogUnavailable>();
        asked.set(key, answer);
        // Of its own: whoever asked first may be interrupted, and the others wait on.
        const reading = Effect.forkIn(Deferred.into(readOnce(key, options), answer), scope);
        return Effect.andThen(reading, Deferred.await(answer));
      });
  });

const nextTurn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void));
});

import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { expect, it } from "vitest";
import type { RecordedEvent } from "./model.ts";
import type { ReadOptions } from "./read.ts";
import { sharePages } from "./share-pages.ts";

const now = new Date(0);
const event = (position: number): RecordedEvent => ({
  position,
  id: String(position),
  type: "t",
  source: "s",
  time: now,
  recordedAt: now,
  data: {},
});
const LIMIT = 2;

/** A log of `last` events that can be made longer; reads wait while it is held. */
const memory = (last: number) => {
  const log = { last, reads: 0, hold: undefined as Deferred.Deferred<void> | undefined };
  const read = ({ after, limit }: ReadOptions) =>
    Effect.gen(function* () {
      log.reads++;
      const seen = log.last; // the snapshot
      if (log.hold !== undefined) yield* Deferred.await(log.hold);
      return Array.from({ length: Math.max(0, Math.min(limit, seen - after)) }, (_, n) => event(after + n + 1));
    });
  return { log, read };
};
const run = (body: Effect.Effect<void, unknown, never>) => Effect.runPromise(body);
const all = (count: number, one: Effect.Effect<ReadonlyArray<RecordedEvent>, unknown>) =>
  Effect.all(
    Array.from({ length: count }, () => one),
    { concurrency: "unbounded" },
  );

it("a page is read once for all who ask at the same time", () =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const { log, read } = memory(1);
        const shared = yield* sharePages(read);
        const answers = yield* all(20, shared({ after: 0, limit: LIMIT }));
        expect(answers.map((events) => events.length)).toEqual(Array.from({ length: 20 }, () => 1));
        expect(log.reads).toBe(1);
      }),
    ),
  ));

it("a full page is read once for ever, one that is not full again each time", () =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const { log, read } = memory(3);
        const shared = yield* sharePages(read);
        for (let n = 0; n < 3; n++) expect(yield* shared({ after: 0, limit: LIMIT })).toHaveLength(2);
        expect(log.reads).toBe(1);
        expect(yield* shared({ after: 2, limit: LIMIT })).toHaveLength(1);
        log.last = 4;
        expect(yield* shared({ after: 2, limit: LIMIT })).toHaveLength(2);
        expect(yield* shared({ after: 0, limit: LIMIT, types: ["t"] })).toHaveLength(2);
        expect(log.reads).toBe(4);
      }),
    ),
  ));

it("who comes while a read is on its way is not given what that one saw", () =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const { log, read } = memory(0);
        const shared = yield* sharePages(read);
        const hold = yield* Deferred.make<void>();
        log.hold = hold;
        const early = yield* Effect.forkChild(shared({ after: 0, limit: LIMIT }));
        while (log.reads === 0) yield* Effect.sleep("1 millis");
        log.last = 1; // committed after the early one looked
        const late = yield* Effect.forkChild(shared({ after: 0, limit: LIMIT }));
        while (log.reads === 1) yield* Effect.sleep("1 millis");
        yield* Deferred.succeed(hold, undefined);
        expect(yield* Fiber.join(early)).toHaveLength(0);
        expect(yield* Fiber.join(late)).toHaveLength(1);
      }),
    ),
  ));

it("the others get their page when the first who asked is interrupted", () =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const { log, read } = memory(1);
        const shared = yield* sharePages(read);
        const hold = yield* Deferred.make<void>();
        log.hold = hold;
        const first = yield* Effect.forkChild(shared({ after: 0, limit: LIMIT }), { startImmediately: true });
        const second = yield* Effect.forkChild(shared({ after: 0, limit: LIMIT }), { startImmediately: true });
        yield* Fiber.interrupt(first);
        yield* Deferred.succeed(hold, undefined);
        expect(yield* Fiber.join(second)).toHaveLength(1);
        expect(log.reads).toBe(1);
      }),
    ),
  ));

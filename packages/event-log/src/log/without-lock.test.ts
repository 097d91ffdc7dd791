/** The test of the test: what invariant 2 promises is really the lock's doing. Without it a subscriber misses an event. */
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { complaints, observe } from "../testing/observe.ts";
import { layerTestLog } from "../testing/test-database.ts";
import { checkEvents } from "./check-event.ts";
import { EventLog } from "./event-log.ts";
import { insertEvents } from "./insert.ts";

const checked = (subject: string) => {
  const events = checkEvents([{ type: "t", source: "s", subject, data: {} }]);
  if ("_tag" in events) throw events;
  return events;
};

/** Two transactions, the second commits while the first holds its position; a subscriber reads in between and goes on. */
const seenBySubscriber = (lock: boolean) =>
  Effect.gen(function* () {
    const { kysely, attempt } = yield* Database;
    const log = yield* EventLog;
    const first = yield* attempt("begin", () => kysely.startTransaction().execute());
    const second = yield* attempt("begin", () => kysely.startTransaction().execute());
    yield* attempt("insert", () => insertEvents(first, checked("first"), { lock }));
    const other = insertEvents(second, checked("second"), { lock }).then(() => second.commit().execute());
    if (!lock) yield* attempt("other", () => other);
    const before = yield* log.read({ after: 0, limit: 10 });
    yield* attempt("commit", () => first.commit().execute());
    yield* attempt("other", () => other);
    const after = yield* log.read({ after: before.at(-1)?.position ?? 0, limit: 10 });
    return [...before, ...after].map((event) => event.subject);
  }).pipe(Effect.provide(layerTestLog()), Effect.scoped, Effect.runPromise);

it("misses an event without the lock, and none with it", { timeout: 30_000 }, async () => {
  expect(await seenBySubscriber(false)).toEqual(["second"]);
  expect(await seenBySubscriber(true)).toEqual(["first", "second"]);
});

it("is caught by the checker of the contract when the protection is taken out", { timeout: 120_000 }, async () => {
  const run = (lock: boolean) =>
    observe({ appenders: 50, subscribers: 5, rounds: 8, lock }).pipe(
      Effect.provide(layerTestLog()),
      Effect.scoped,
      Effect.runPromise,
    );
  expect(complaints(await run(true))).toEqual([]);
  expect(complaints(await run(false)).join("\n")).toMatch(/missed \d+ events/);
});

it("the checker complains of what is missed, doubled or out of order, and of nothing else", () => {
  const appended = [3, 1, 2];
  expect(complaints({ appended, seen: [[1, 2, 3]] })).toEqual([]);
  expect(complaints({ appended, seen: [[1, 3]] })).toHaveLength(1);
  expect(complaints({ appended, seen: [[1, 2, 2, 3]] })).toHaveLength(1);
  expect(
    complaints({
      appended,
      seen: [
        [1, 2, 3],
        [2, 1, 3],
      ],
    }),
  ).toHaveLength(1);
});

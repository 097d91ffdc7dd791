import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerTestLog } from "../testing/test-database.ts";
import { EventLog } from "./event-log.ts";
import type { NewEvent } from "./model.ts";
import { endOfPartition, ensurePartitions, PARTITION_POSITIONS, partitions } from "./partitions.ts";

const event = (subject: string, type = "t"): NewEvent => ({ type, source: "s", subject, data: {} });
const onLog = (body: Effect.Effect<void, unknown, Database | EventLog>) => () =>
  Effect.runPromise(Effect.scoped(Effect.provide(body, layerTestLog())));
/** The next position is this one. */
const goTo = (position: number) =>
  Effect.flatMap(Effect.service(Database), ({ kysely, attempt }) =>
    attempt("go to", () => sql`select setval('event_position', ${position}, false)`.execute(kysely)),
  );
const tables = Effect.flatMap(Effect.service(Database), ({ kysely, attempt }) =>
  attempt("tables", () => partitions(kysely)),
);
const names = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, n) => String(n));

describe("partitions", () => {
  it("end at multiples of a million", () => {
    expect([1, PARTITION_POSITIONS, PARTITION_POSITIONS + 1].map(endOfPartition)).toEqual([
      PARTITION_POSITIONS + 1,
      PARTITION_POSITIONS + 1,
      2 * PARTITION_POSITIONS + 1,
    ]);
  });

  it(
    "follow each other without a gap, two of them ahead, whoever asks and how often",
    onLog(
      Effect.gen(function* () {
        const { kysely, attempt } = yield* Database;
        yield* goTo(5 * PARTITION_POSITIONS);
        yield* Effect.all(
          names(6).map(() => attempt("ensure", () => ensurePartitions(kysely))),
          { concurrency: "unbounded" },
        );
        const all = yield* tables;
        expect(all[0]?.from).toBe(0);
        expect(all.slice(1).map(({ from }) => from)).toEqual(all.slice(0, -1).map(({ to }) => to));
        expect(all.at(-1)?.to).toBe(7 * PARTITION_POSITIONS + 1);
        expect(all.slice(1).map(({ table, from }) => table === `event_p${from}`)).not.toContain(false);
      }),
    ),
  );

  it(
    "are crossed by appends and subscribers without anything missed, in order, with and without types",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        const boundary = (yield* tables)[0]?.to ?? 0;
        yield* goTo(boundary - 70);
        const collect = (types?: ReadonlyArray<string>) =>
          log.subscribe({ after: 0, batch: 7, types }).pipe(
            Stream.flatMap((events) => Stream.fromIterable(events)),
            Stream.take(types === undefined ? 200 : 100),
            Stream.runCollect,
          );
        const append = Effect.forEach(names(100), (name) => log.append([event(name, "even"), event(name, "odd")]), {
          concurrency: 10,
          discard: true,
        });
        const [all, some] = yield* Effect.all([collect(), collect(["even"]), append], { concurrency: "unbounded" });
        const stored = yield* log.read({ after: 0, limit: 1_000 });
        expect(stored.at(0)?.position).toBeLessThan(boundary);
        expect(stored.at(-1)?.position).toBeGreaterThan(boundary);
        const order = stored.map(({ position }) => position);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        expect(all.map(({ position }) => position)).toEqual(order);
        const even = stored.filter(({ type }) => type === "even").map(({ position }) => position);
        expect(some.map(({ position }) => position)).toEqual(even);
        const backward = yield* log.readBackward({ limit: 1_000, types: ["even"] });
        expect(backward.map(({ position }) => position)).toEqual(even.toReversed());
        const page = yield* log.readBackward({ limit: 5, before: even[60], types: ["even"] });
        expect(page.map(({ position }) => position)).toEqual(even.slice(55, 60).toReversed());
        const middle = yield* log.read({ after: even[50] ?? 0, limit: 5, types: ["even", "none"] });
        expect(middle.map(({ position }) => position)).toEqual(even.slice(51, 56));
      }),
    ),
  );

  it(
    "are made by the append that finds none, when nobody has looked for long",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        const end = (yield* tables).at(-1)?.to ?? 0;
        yield* goTo(end + 10);
        const [appended] = yield* log.append([event("beyond")]);
        expect(appended?.position).toBeGreaterThan(end);
        expect((yield* log.read({ after: 0, limit: 9 })).map(({ subject }) => subject)).toEqual(["beyond"]);
      }),
    ),
  );
});

import { BACKFILL_PRIORITY_MAX } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { HUGE_BYTES_MIN } from "./limits.ts";
import { setBackfillWindow } from "./pause.ts";
import { makePostgresFixture, testDatabase } from "./postgres.test-support.ts";
import { readTargets } from "./read-targets.ts";
import { claimNames, takeOne } from "./testing/fixture.ts";
import { sampleRequest, weighing } from "./testing/samples.ts";

const MINUTES_OF_DAY = 1440;
const run = <A, E>(body: Effect.Effect<A, E, never>): Promise<A> => Effect.runPromise(body);
const old = (name: string, position: number) =>
  sampleRequest(name, position, { priority: BACKFILL_PRIORITY_MAX, wakesParked: false });

describe("backfill at PostgreSQL", () => {
  it("given a window that is shut, when news and backfill wait, then only news go, until it opens", () =>
    run(
      Effect.scoped(
        Effect.gen(function* () {
          const database = yield* testDatabase;
          const fixture = makePostgresFixture(database);
          const now = new Date();
          const minute = now.getUTCHours() * 60 + now.getUTCMinutes();
          const later = (minutes: number) => (minute + minutes) % MINUTES_OF_DAY;
          const shut = { from: later(120), until: later(180), zone: "UTC" };
          yield* Effect.promise(() => setBackfillWindow(database.kysely, "east", shut));
          yield* fixture.request([old("a:v1", 1), old("a:v1", 1), sampleRequest("b:v1", 2)]);
          yield* fixture.request([{ ...old("a:v1", 1), target: "west" }]);
          expect(yield* claimNames(fixture, 5)).toEqual(["b:v1"]);
          expect(yield* claimNames(fixture, 5)).toEqual([]);
          expect(yield* claimNames(fixture, 5, "west")).toEqual(["a:v1"]); // the window is of one target
          yield* Effect.promise(() => setBackfillWindow(database.kysely, "east", { ...shut, from: later(-60) }));
          expect(yield* claimNames(fixture, 5)).toEqual(["a:v1"]);
          yield* fixture.request([old("c:v1", 3)]);
          yield* Effect.promise(() => setBackfillWindow(database.kysely, "east", undefined));
          expect(yield* claimNames(fixture, 5)).toEqual(["c:v1"]);
        }),
      ),
    ));

  it("is counted in the backlog and makes no lag", () =>
    run(
      Effect.scoped(
        Effect.gen(function* () {
          const database = yield* testDatabase;
          const fixture = makePostgresFixture(database);
          yield* fixture.request([old("a:v1", 1), old("a:v2", 2)]);
          const [before] = yield* Effect.promise(() => readTargets(database.kysely));
          expect(before).toMatchObject({ backlog: 2, backfill: 2, oldestRequestAt: undefined });
          yield* fixture.request([sampleRequest("a:v2", 3)]);
          const [after] = yield* Effect.promise(() => readTargets(database.kysely));
          expect(after).toMatchObject({ backlog: 2, backfill: 1, oldestRequestAt: old("a:v2", 2).requestedAt });
        }),
      ),
    ));

  it("remembers few repositories as huge, and forgets them with a small copy", () =>
    run(
      Effect.scoped(
        Effect.gen(function* () {
          const database = yield* testDatabase;
          const fixture = makePostgresFixture(database);
          const huge = Effect.promise(async () => {
            const { rows } = await sql<{ repository: string }>`select repository from huge_repository`.execute(
              database.kysely,
            );
            return rows.map(({ repository }) => repository);
          });
          for (const bytes of [HUGE_BYTES_MIN, HUGE_BYTES_MIN]) {
            yield* fixture.request([sampleRequest(`model:v${bytes}`, 1)]);
            const item = yield* takeOne(fixture);
            yield* Effect.orDie(fixture.bus.report(item, weighing(item, bytes)));
            expect(yield* huge).toEqual(["model"]);
            yield* Effect.promise(() => sql`delete from delivery`.execute(database.kysely));
          }
          yield* fixture.request([sampleRequest("model:v3", 2)]);
          const item = yield* takeOne(fixture);
          yield* Effect.orDie(fixture.bus.report(item, weighing(item, 1)));
          expect(yield* huge).toEqual([]);
        }),
      ),
    ));
});

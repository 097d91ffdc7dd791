import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { expect } from "vitest";
import { makePostgresFixture, outcomesOf, testDatabase } from "./postgres.test-support.ts";
import { resultOf, takeOne } from "./testing/fixture.ts";
import { sampleFailure, sampleRequest, succeeded } from "./testing/index.ts";

it.live("state and event are written together or not at all", () =>
  Effect.gen(function* () {
    const database = yield* testDatabase;
    const fixture = makePostgresFixture(database);
    const run = (statement: string) => Effect.promise(() => sql.raw(statement).execute(database.kysely));
    yield* fixture.request([sampleRequest("app:v1", 1)]);
    const item = yield* takeOne(fixture);
    yield* run("alter table event rename to event_away");
    expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("BusUnavailable");
    yield* run("alter table event_away rename to event");
    expect(yield* fixture.rows).toMatchObject([{ state: "leased", done: 0 }]);
    expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("done");
    expect(yield* fixture.rows).toMatchObject([{ state: "idle", done: 1 }]);
    expect(yield* outcomesOf(database)).toHaveLength(1);
  }),
);

it.live("an answer of a registry with text that cannot be stored can be reported", () =>
  Effect.gen(function* () {
    const database = yield* testDatabase;
    const fixture = makePostgresFixture(database);
    yield* fixture.request([sampleRequest("app:v1", 1)]);
    const item = yield* takeOne(fixture);
    const error = { ...sampleFailure, detail: `a\u0000b\ud800${"x".repeat(300_000)}` };
    const { target, repository, tag, source, route } = item;
    yield* fixture.bus.report(item, {
      _tag: "Parked",
      event: { _tag: "ReplicationParked", target, repository, tag, source, route, cause: 1, error },
    });
    const [event] = yield* outcomesOf(database);
    expect(event?._tag === "ReplicationParked" && event.error.detail.startsWith("a\uFFFDb\uFFFDxxx")).toBe(true);
  }),
);

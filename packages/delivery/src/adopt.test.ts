import { Database } from "@drayage/event-log";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { releaseLeasesOfDeadWorkers } from "./adopt.ts";
import { makePostgresFixture, testDatabase } from "./postgres.test-support.ts";
import { claimRescans, rescanWithin } from "./rescans.ts";
import { resultOf, takeOne } from "./testing/fixture.ts";
import { repositoryName, sampleRequest, succeeded } from "./testing/index.ts";

it.live("a start after kill -9 finds every lease handed back, and the dead cannot write", () =>
  Effect.gen(function* () {
    const database = yield* testDatabase;
    const { kysely } = database;
    const fixture = makePostgresFixture(database);
    yield* fixture.request([sampleRequest("app:v1", 1)]);
    const dead = yield* takeOne(fixture);
    yield* Effect.promise(() =>
      rescanWithin(kysely, [{ registry: "source", repository: repositoryName("app"), position: 2, reason: "test" }]),
    );
    const options = { worker: "a", limit: 1, leaseMs: 60_000 };
    expect(yield* Effect.promise(() => claimRescans(kysely, options))).toHaveLength(1);
    expect(yield* Effect.promise(() => claimRescans(kysely, options))).toHaveLength(0);

    const release = (workersElsewhere: boolean) =>
      Effect.provideService(releaseLeasesOfDeadWorkers({ workersElsewhere }), Database, database);
    expect(yield* release(true)).toBe(1); // the rescan: whoever has the delivery may be alive
    expect(yield* resultOf(fixture.bus.extend(dead, 60_000))).toBe("done");
    expect(yield* Effect.promise(() => claimRescans(kysely, options))).toHaveLength(1);
    const adopt = release(false);
    expect(yield* adopt).toBe(2);
    expect(yield* adopt).toBe(0);
    expect(yield* resultOf(fixture.bus.report(dead, succeeded(dead)))).toBe("LeaseLost");
    expect(yield* takeOne(fixture, "b")).toMatchObject({ tag: "v1", attempt: 1 });
    expect(yield* Effect.promise(() => claimRescans(kysely, options))).toHaveLength(1);
  }),
);

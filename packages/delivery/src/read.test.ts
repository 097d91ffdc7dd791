import { Database } from "@drayage/event-log";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { expect } from "vitest";
import { retryParked } from "./parked.ts";
import { makePostgresFixture, testDatabase } from "./postgres.test-support.ts";
import { type DeliveryFilter, readDeliveries, readImage } from "./read.ts";
import {
  ownedRepositories,
  ownedTags,
  pendingKeys,
  readBooks,
  readSourceBooks,
  sourceRepositories,
} from "./read-books.ts";
import { readTargets } from "./read-targets.ts";
import { takeOne } from "./testing/fixture.ts";
import { digestNumber, failed, parked, repositoryName, sampleRequest, succeeded, tagName } from "./testing/index.ts";

/** east: app:v1 owned, app:v2 parked, app:v3 failed and waits, app:v4 waits for proof, app:v5 pending; west: app:v1 leased. */
const make = Effect.gen(function* () {
  const database = yield* testDatabase;
  const fixture = makePostgresFixture(database);
  const { bus, request } = fixture;
  yield* request([1, 2, 3, 4, 5].map((n) => sampleRequest(`app:v${n}`, n)));
  const [v1, v2, v3, v4] = [
    yield* takeOne(fixture),
    yield* takeOne(fixture),
    yield* takeOne(fixture),
    yield* takeOne(fixture),
  ];
  const later = new Date(Date.now() + 3_600_000);
  yield* bus.report(v1, succeeded(v1, digestNumber(1)));
  yield* bus.report(v2, parked(v2));
  yield* bus.report(v3, failed(v3, later));
  yield* bus.report(v4, { _tag: "Confirming", absentSince: new Date(), at: later });
  const mirror = { registry: "source", repository: repositoryName("app"), tag: tagName("v1") };
  yield* request([sampleRequest("copies/app:v1", 9, { target: "west", source: mirror })]);
  yield* takeOne(fixture, "w", "west");
  yield* request([sampleRequest("app:v1", 10, { source: { ...mirror, registry: "other" } })]);
  return { database, db: database.kysely, ids: [v1, v2, v3, v4].map((item) => item.delivery) };
});

it.live("targets are summed up", () =>
  Effect.gen(function* () {
    const { db } = yield* make;
    const [east, west] = yield* Effect.promise(() => readTargets(db));
    expect(east).toEqual({
      target: "east",
      backlog: 2, // v3 and v5: a parked one and one that waits for proof are counted apart
      leased: 0,
      failing: 1,
      backfill: 0,
      confirming: 1,
      unsigned: 0,
      parked: 1,
      rivals: 1,
      owned: 1,
      oldestRequestAt: sampleRequest("app:v3", 3).requestedAt,
      lastSuccessAt: expect.any(Date),
    });
    expect(west).toMatchObject({ target: "west", backlog: 1, leased: 1, owned: 0, lastSuccessAt: undefined });
  }),
);

it.live("what waits for a signature is no backlog and no lag, and is found with its reason", () =>
  Effect.gen(function* () {
    const database = yield* testDatabase;
    const fixture = makePostgresFixture(database);
    yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
    const waiting = (detail: string) => ({
      _tag: "Waiting" as const,
      subject: digestNumber(6),
      detail,
      at: new Date(Date.now() + 3_600_000),
    });
    yield* fixture.bus.report(yield* takeOne(fixture), waiting("there is no \u0000signature yet"));
    const [east] = yield* Effect.promise(() => readTargets(database.kysely));
    expect(east).toMatchObject({
      backlog: 1,
      failing: 0,
      unsigned: 1,
      parked: 0,
      oldestRequestAt: sampleRequest("app:v2", 2).requestedAt,
    });
    const read = Effect.promise(() => readDeliveries(database.kysely, { waitsFor: "signature" }));
    const found = yield* read;
    expect(found).toMatchObject([
      {
        tag: "v1",
        state: "pending",
        attempts: 0,
        waitsFor: {
          for: "signature",
          subject: digestNumber(6),
          detail: "there is no \uFFFDsignature yet",
          since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        },
      },
    ]);
    // Looked at again: the reason is the new one, the time is that of the first look.
    yield* fixture.request([sampleRequest("app:v1", 3)]);
    const same = yield* takeOne(fixture);
    expect(same).toMatchObject({ tag: "v1", attempt: 1, waitsFor: digestNumber(6) });
    expect(yield* read).toEqual([]);
    yield* fixture.bus.report(same, waiting("of 1 signature none counts"));
    const [again] = yield* read;
    expect(again?.waitsFor).toEqual({ ...found[0]?.waitsFor, detail: "of 1 signature none counts" });
  }),
);

it.live("deliveries are read by filter, page by page", () =>
  Effect.gen(function* () {
    const { db } = yield* make;
    const read = (filter: DeliveryFilter) => Effect.promise(() => readDeliveries(db, filter));
    expect((yield* read({})).map((row) => `${row.target} ${row.tag} ${row.state}`)).toEqual([
      "east v1 idle",
      "east v2 parked",
      "east v3 pending",
      "east v4 pending",
      "east v5 pending",
      "west v1 leased",
    ]);
    const first = yield* read({ state: "pending", limit: 2 });
    const second = yield* read({ state: "pending", limit: 2, after: first.at(-1)?.delivery });
    expect([...first, ...second].map((row) => row.tag)).toEqual(["v3", "v4", "v5"]);
    expect(yield* read({ target: "east", repository: "app", tag: "v2" })).toMatchObject([
      { state: "parked", attempts: 1, lastError: { reason: "unavailable" }, parkedAt: expect.any(Date) },
    ]);
    expect(yield* read({ target: "east", tag: "v1" })).toMatchObject([
      { held: digestNumber(1), heldAt: expect.any(Date), rival: { source: { registry: "other" }, position: 10 } },
    ]);
  }),
);

it.live("an image is found by its name at the source and at a target", () =>
  Effect.gen(function* () {
    const { db } = yield* make;
    const find = (repository: string, tag?: string) =>
      Effect.promise(async () => (await readImage(db, repository, tag)).map((row) => `${row.target} ${row.tag}`));
    expect(yield* find("app", "v1")).toEqual(["east v1", "west v1"]);
    expect(yield* find("copies/app", "v1")).toEqual(["west v1"]);
    expect(yield* find("app")).toHaveLength(6);
    expect(yield* find("nothing")).toEqual([]);
  }),
);

it.live("the reconciler reads what is ours and what is under way", () =>
  Effect.gen(function* () {
    const { db } = yield* make;
    const owned = yield* Effect.promise(() => ownedTags(db, "east", "app"));
    expect(owned).toMatchObject([{ tag: "v1", owned: [digestNumber(1)], state: "idle", route: "all" }]);
    expect(yield* Effect.promise(() => ownedRepositories(db, "east"))).toEqual(["app"]);
    expect(yield* Effect.promise(() => readBooks(db, "east", "app"))).toHaveLength(5);
    const fed = yield* Effect.promise(() => readSourceBooks(db, "source", "app"));
    expect(fed.map((row) => `${row.target} ${row.repository}:${row.tag}`)).toEqual([
      ...["v1", "v2", "v3", "v4", "v5"].map((tag) => `east app:${tag}`),
      "west copies/app:v1",
    ]);
    expect(yield* Effect.promise(() => readSourceBooks(db, "other", "app"))).toEqual([]);
    expect(yield* Effect.promise(() => sourceRepositories(db, "source"))).toEqual(["app"]);
    const keys = yield* Effect.promise(() => pendingKeys(db, "east"));
    expect(keys.map((key) => `${key.tag} ${key.state}`).toSorted()).toEqual([
      "v2 parked",
      "v3 pending",
      "v4 pending",
      "v5 pending",
    ]);
    expect(yield* Effect.promise(() => pendingKeys(db, "west", "elsewhere"))).toEqual([]);
  }),
);

it.live("only what is parked and was asked for is retried, with an event that says who and why", () =>
  Effect.gen(function* () {
    const { database, db, ids } = yield* make;
    const retry = (more: { readonly target?: string; readonly deliveries?: ReadonlyArray<string> }) =>
      Effect.provideService(retryParked({ ...more, why: "mended", actor: "user:ann" }), Database, database);
    expect(yield* retry({ target: "west" })).toEqual([]);
    expect(yield* retry({ deliveries: [ids[0] ?? "", ids[2] ?? ""] })).toEqual([]);
    expect(yield* retry({ target: "east", deliveries: ids })).toMatchObject([{ tag: "v2", target: "east" }]);
    const { rows } = yield* Effect.promise(() =>
      sql`select data, actor from event where type = 'io.drayage.delivery.retried.v1'`.execute(db),
    );
    expect(rows).toEqual([
      { data: { target: "east", repository: "app", tag: "v2", why: "mended" }, actor: "user:ann" },
    ]);
  }),
);

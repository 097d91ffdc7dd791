/** The replicator on the real bus, in PostgreSQL: what the memory bus cannot show. */
import { type DeliveryBus, deliveryMigrations, makePostgresBus, requestWithin } from "@drayage/delivery";
import { loseConnections } from "@drayage/delivery/testing";
import { compileRoutes, workPolicyOf } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { makeCopier } from "@drayage/oci-core";
import { pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { expect } from "vitest";
import type { Replicate } from "./replicate.ts";
import { APP, eventually, plainRoute, requestFor, small, startSide, WIDE_GUARD } from "./replicator.test-support.ts";
import { work } from "./work.ts";

/** Above all waits of one test; the first one starts the database server too. */
const TEST_MS = 60_000;
const CONFIRM_AFTER_MS = 50;

const start = Effect.gen(function* () {
  const database = yield* Database;
  const log = yield* EventLog;
  const [source, target] = [yield* startSide("source"), yield* startSide("target", { traits: { tagDelete: "probe" } })];
  const bus: DeliveryBus = makePostgresBus(database, WIDE_GUARD);
  const deletes = { mode: "mirror", confirmAfter: CONFIRM_AFTER_MS, protect: [] } as const;
  const route = { ...plainRoute("all", "source", "target"), deletes };
  const context: Replicate = {
    bus,
    copier: yield* makeCopier(),
    target: target.client,
    registryOf: (name) => (name === "source" ? source.client : undefined),
    policyOf: () => route,
  };
  let position = 0;
  const ask = (tags: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      position += 1;
      const requests = tags.map((tag) => requestFor("target", "source", tag, position));
      return Effect.asVoid(database.transaction("request", (trx) => requestWithin(trx, requests)));
    });
  const outcomes = Effect.map(log.read({ after: 0, limit: 1_000 }), (events) => events.map(({ data }) => data));
  return { source: source.server, target: target.server, context, ask, outcomes };
});

const test = (
  name: string,
  body: () => Generator<Effect.Effect<unknown, unknown, Database | EventLog | Scope.Scope>, void, never>,
) =>
  it.live(
    name,
    () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(layerTestLog({ migrations: [deliveryMigrations] }))),
    TEST_MS,
  );
const names = Array.from({ length: 12 }, (_, n) => `v${n + 10}`);

test("two workers share the deliveries of a target, each is done once, and deletions follow", function* () {
  const { source, target, context, ask, outcomes } = yield* start;
  for (const name of [...names, "witness"]) yield* pushImage(source.url, APP, name, small(name));
  for (const worker of ["a", "b"]) {
    yield* Effect.forkScoped(work(context, { target: "target", worker, concurrency: 3 }));
  }
  yield* ask([...names, "witness"]);
  yield* eventually(() => target.tags(APP).length === names.length + 1);
  expect(target.requests.count({ method: "PUT", path: /manifests\/v/ })).toBe(names.length);
  const [first = "", second = ""] = names;
  for (const name of [first, second]) source.deleteTag(APP, name);
  yield* ask([first, second]);
  yield* eventually(() => target.tags(APP).length === names.length - 1);
  expect(target.tags(APP)).not.toContain(first);
  expect(target.danglingReferences()).toEqual([]);
  const told = yield* outcomes;
  expect(told.filter((data) => Object(data).action === "copied")).toHaveLength(names.length + 1);
});

test("bytes come from a nearer registry, by the rules of the replicator's own configuration", function* () {
  const { source, target, context, ask } = yield* start;
  const near = yield* startSide("near");
  const image = small("one");
  for (const url of [source.url, near.server.url]) yield* pushImage(url, APP, "v1", image);
  source.requests.reset();
  const routes = compileRoutes(
    [
      { ...plainRoute("all", "source", "target"), to: [{ ...SAME, registry: "target", bytesFrom: ["near"] }] },
      plainRoute("feeding", "source", "near"),
    ],
    () => undefined,
  );
  const knowing: Replicate = {
    ...context,
    policyOf: (item) => workPolicyOf(routes, item),
    registryOf: (name) => (name === "near" ? near.client : context.registryOf(name)),
  };
  yield* Effect.forkScoped(work(knowing, { target: "target", worker: "a", concurrency: 1 }));
  yield* ask(["v1"]);
  yield* eventually(() => target.tags(APP).includes("v1"));
  expect(target.manifest(APP, "v1")?.digest).toBe(image.digest);
  const read = { method: "GET", path: /\/blobs\// };
  expect([source.requests.count(read), near.server.requests.count(read) > 0]).toEqual([0, true]);
});
const SAME = { repository: "{repository}", tag: "{tag}" };

test("a database that loses all connections is waited for, and the rest goes on", function* () {
  const { source, target, context, ask } = yield* start;
  for (const name of names) yield* pushImage(source.url, APP, name, small(name));
  yield* Effect.forkScoped(work(context, { target: "target", worker: "a", concurrency: 2 }));
  yield* ask(names);
  yield* eventually(() => target.tags(APP).length >= 3);
  yield* loseConnections;
  yield* eventually(() => target.tags(APP).length === names.length);
  yield* pushImage(source.url, APP, "late", small("late"));
  yield* ask(["late"]);
  yield* eventually(() => target.tags(APP).includes("late"));
});

import { compileRoutes, type Route, type WorkItem, workPolicyOf } from "@drayage/domain";
import { seededNumbers } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type * as Scope from "effect/Scope";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import type { DeliveryBus } from "../bus.ts";
import { makePostgresFixture, testDatabase } from "../postgres.test-support.ts";
import { resultOf } from "../testing/fixture.ts";
import { digestNumber, makeInProcessPubSub, sampleRequest, succeeded } from "../testing/index.ts";
import type { Control } from "./control.ts";
import { ATTRIBUTES } from "./names.ts";
import { makeControl, makeLines, newNames, TEST_INSTANCE } from "./pubsub.test-support.ts";
import { makePubSubBus } from "./pubsub-bus.ts";
import { serveTarget } from "./serve.ts";
import { encodeQuestion, encodeWork } from "./wire.ts";

const LEASE_MS = 60_000;

/** The control side of `east` as it runs in production, and its books. */
const stage = Effect.fnUntraced(function* ({
  chance,
  ...more
}: Partial<Pick<Control, "policyOf">> & { readonly chance?: () => number } = {}) {
  const pubsub = makeInProcessPubSub({ chance });
  const names = newNames(["east", "west"]);
  makeLines(pubsub, names);
  const [east, west] = names;
  if (east === undefined || west === undefined) return yield* Effect.die("no names");
  const database = yield* testDatabase;
  const control: Control = { ...makeControl(database, pubsub.client, east), ...more };
  const serving = yield* Effect.forkScoped(serveTarget(control));
  return {
    ...makePostgresFixture(database),
    pubsub,
    east,
    west,
    database,
    control,
    serving,
    newBus: makePubSubBus({ client: pubsub.client, names: [east], instance: TEST_INSTANCE }),
  };
});
const run = (body: Effect.Effect<void, unknown, Scope.Scope>) => Effect.runPromise(Effect.scoped(body));

/** Asks for work until there is some. */
const claimSome = (bus: DeliveryBus, worker: string, limit = 1): Effect.Effect<ReadonlyArray<WorkItem>> =>
  bus.claim({ target: "east", worker, limit, leaseMs: LEASE_MS }).pipe(
    Effect.orDie,
    Effect.tap((items) => (items.length === 0 ? Effect.sleep("10 millis") : Effect.void)),
    Effect.repeat({ until: (items) => items.length > 0 }),
  );
const firstOf = (items: ReadonlyArray<WorkItem>): WorkItem => {
  const [item] = items;
  if (item === undefined) throw new Error("nothing");
  return item;
};
const eventually = (what: Effect.Effect<boolean>) =>
  what.pipe(
    Effect.tap((yes) => (yes ? Effect.void : Effect.sleep("20 millis"))),
    Effect.repeat({ until: (yes) => yes }),
    Effect.timeout("15 seconds"),
  );

describe("the bus over Pub/Sub", () => {
  it.each([1, 2, 3])("does each piece of work once, however messages are doubled and mixed (seed %i)", (seed) =>
    run(
      Effect.gen(function* () {
        const random = seededNumbers(seed);
        const s = yield* stage({ chance: random });
        const names = Array.from({ length: 40 }, (_, i) => `repo${i % 7}:v${i}`);
        yield* s.request(names.map((name, i) => sampleRequest(name, i + 1)));
        const begun: Array<string> = [];
        const worker = Effect.fnUntraced(function* (name: string) {
          const bus = yield* s.newBus;
          for (;;) {
            for (const item of yield* claimSome(bus, name, 3)) {
              begun.push(`${item.delivery}.${item.generation}`);
              yield* Effect.orDie(bus.intend(item, digestNumber(1), 1_000));
              yield* Effect.orDie(bus.report(item, succeeded(item)));
            }
          }
        });
        const workers = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkScoped(worker(name)));
        yield* eventually(Effect.map(s.rows, (rows) => rows.every(({ state }) => state === "idle")));
        yield* Effect.forEach(workers, Fiber.interrupt);
        expect(begun).toHaveLength(names.length);
        expect(new Set(begun).size).toBe(names.length);
        expect(yield* s.outcomes).toHaveLength(names.length);
      }),
    ),
  );

  it("hands out where bytes may come from, under the name that the image has there", () =>
    run(
      Effect.gen(function* () {
        const to = { repository: "{repository}", tag: "{tag}" };
        const rules = { referrers: "all", overwrite: "always", existing: "adopt-equal", priority: "normal" } as const;
        const route: Route = {
          ...rules,
          name: "all",
          from: "source",
          select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
          to: [
            { ...to, registry: "west", repository: "mirror/{image}" },
            { ...to, registry: "east", bytesFrom: ["west"] },
          ],
          deletes: { mode: "ignore" },
        };
        const routes = compileRoutes([route], () => ({ repositoryKey: false }));
        const s = yield* stage({ policyOf: (item) => workPolicyOf(routes, item) });
        yield* s.request([sampleRequest("app:v1", 1)]);
        const item = firstOf(yield* claimSome(yield* s.newBus, "a"));
        expect(item.policy).toMatchObject({
          name: "all",
          bytesFrom: [{ registry: "west", repository: "mirror/app" }],
        });
      }),
    ));

  it("hands out anew what a worker had that is gone, and what it said late counts for nothing", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1)]);
        const [dead, alive] = [yield* s.newBus, yield* s.newBus];
        const first = firstOf(yield* claimSome(dead, "dead"));
        yield* s.later(2 * LEASE_MS);
        const second = firstOf(yield* claimSome(alive, "alive"));
        expect(second).toMatchObject({ delivery: first.delivery, generation: first.generation + 1, attempt: 1 });
        expect(yield* resultOf(dead.extend(first, LEASE_MS))).toBe("LeaseLost");
        expect(yield* resultOf(dead.intend(first, digestNumber(9), 0))).toBe("LeaseLost");
        expect(yield* resultOf(dead.report(first, succeeded(first)))).toBe("LeaseLost");
        expect(yield* resultOf(alive.report(second, succeeded(second)))).toBe("done");
        expect(yield* s.outcomes).toHaveLength(1);
      }),
    ));

  it("keeps an item that was said to be alive, for as long as that is said", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1)]);
        const bus = yield* s.newBus;
        const item = firstOf(yield* claimSome(bus, "a"));
        // Two hours, by beats: longer than Pub/Sub keeps a lease for any client.
        for (let minutes = 0; minutes < 120; minutes += 1) {
          yield* Effect.orDie(bus.extend(item, 2 * LEASE_MS));
          yield* s.later(LEASE_MS);
        }
        expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("done");
      }),
    ));

  it("writes what was said while nobody listened, and takes no worker for dead before it was heard", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1)]);
        const bus = yield* s.newBus;
        const item = firstOf(yield* claimSome(bus, "a"));
        yield* Fiber.interrupt(s.serving);
        const reported = yield* Effect.forkChild(resultOf(bus.report(item, succeeded(item))));
        yield* eventually(Effect.sync(() => s.pubsub.backlog(s.east.inbox.subscription) > 0));
        yield* s.later(LEASE_MS / 2);
        yield* Effect.forkScoped(serveTarget(s.control));
        expect(yield* Fiber.join(reported)).toBe("done");
        expect(yield* s.rows).toMatchObject([{ state: "idle", done: 1 }]);
      }),
    ));

  it("says that the control side does not answer, and an answer that was late is no second one", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1)]);
        const bus = yield* s.newBus;
        const item = firstOf(yield* claimSome(bus, "a"));
        yield* Fiber.interrupt(s.serving);
        expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("BusUnavailable");
        yield* Effect.forkScoped(serveTarget(s.control));
        expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("done");
        expect(yield* s.outcomes).toHaveLength(1);
      }),
    ));

  it("goes on after Pub/Sub was away", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        s.pubsub.setDown(true);
        yield* s.request([sampleRequest("app:v1", 1)]);
        const bus = yield* s.newBus;
        const claimed = yield* Effect.forkChild(claimSome(bus, "a"));
        yield* Effect.sleep("300 millis");
        s.pubsub.setDown(false);
        const item = firstOf(yield* Fiber.join(claimed));
        expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("done");
      }),
    ));

  it("parks what no replicator can take, and a retry hands it out anew", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1)]);
        // A replicator that ends whenever it sees this item.
        const refuse = Effect.gen(function* () {
          const got = yield* s.pubsub.client.pull(s.east.work.subscription, 1);
          for (const { ackId } of got) yield* s.pubsub.client.giveBack(s.east.work.subscription, [ackId]);
        }).pipe(Effect.orDie);
        const refusing = yield* Effect.forkScoped(Effect.forever(Effect.andThen(refuse, Effect.sleep("5 millis"))));
        yield* eventually(Effect.map(s.rows, ([row]) => row?.state === "parked"));
        yield* Fiber.interrupt(refusing);
        expect(yield* s.outcomes).toMatchObject([
          { _tag: "ReplicationParked", repository: "app", tag: "v1", error: { reason: "dead-letter" } },
        ]);
        expect(yield* s.retryParked).toBe(1);
        const bus = yield* s.newBus;
        const item = firstOf(yield* claimSome(bus, "a"));
        expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("done");
      }),
    ));

  it("gives back what it took and nobody began", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
        const taken = sql<{ n: number }>`select count(*)::int as n from delivery where lease_owner = 'stopped'`;
        const count = Effect.promise(async () => (await taken.execute(s.database.kysely)).rows[0]?.n ?? 0);
        yield* Effect.scoped(
          Effect.gen(function* () {
            const bus = yield* s.newBus;
            yield* Effect.orDie(bus.claim({ target: "east", worker: "stopped", limit: 2, leaseMs: LEASE_MS }));
            yield* eventually(Effect.map(count, (n) => n > 0));
          }),
        );
        expect(yield* count).toBe(0);
        const bus = yield* s.newBus;
        const next = firstOf(yield* claimSome(bus, "b"));
        expect(next.attempt).toBe(1);
      }),
    ));

  it("hears a replicator on deliveries of its own target only, and believes its own books on names", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        yield* s.request([sampleRequest("app:v1", 1), sampleRequest("app:v1", 1, { target: "west" })]);
        const bus = yield* s.newBus;
        const item = firstOf(yield* claimSome(bus, "a"));
        const [stolen] = yield* Effect.orDie(
          s.bus.claim({ target: "west", worker: "other", limit: 1, leaseMs: LEASE_MS }),
        );
        if (stolen === undefined) throw new Error("nothing at west");
        const asEast: WorkItem = { ...stolen, target: "east" };
        expect(yield* resultOf(bus.report(asEast, succeeded(asEast)))).toBe("LeaseLost");
        const lie = succeeded(item);
        if (lie._tag !== "Succeeded") throw new Error("no");
        yield* Effect.orDie(
          bus.report(item, { ...lie, event: { ...lie.event, target: "west", cause: 99, route: "mine" } }),
        );
        expect(yield* s.outcomes).toMatchObject([{ target: "east", cause: 1, route: "all" }]);
      }),
    ));

  it("passes over what it does not understand, on both sides, and tells what is of another instance from its own", () =>
    run(
      Effect.gen(function* () {
        const s = yield* stage();
        const { client } = s.pubsub;
        const ours = { [ATTRIBUTES.instance]: TEST_INSTANCE };
        const theirs = { [ATTRIBUTES.instance]: "another" };
        const say = { _tag: "Take", worker: "w", leaseMs: 1 } as const;
        const question = encodeQuestion({ id: "q", from: "f", delivery: "1", generation: 1, say });
        const junk = new TextEncoder().encode('{"version":2}');
        yield* client.publish(s.east.inbox.topic, [
          { data: junk, attributes: ours },
          { data: question, attributes: theirs },
        ]);
        const item: WorkItem = {
          ...sampleRequest("app:v1", 1),
          ...{ delivery: "7", generation: 1, claimed: 1, attempt: 1, owned: [], leaseUntil: new Date() },
        };
        yield* client.publish(s.east.work.topic, [
          { data: junk, attributes: ours },
          { data: encodeWork(item), attributes: theirs },
        ]);
        const bus = yield* s.newBus;
        yield* s.request([sampleRequest("app:v1", 1)]);
        expect(firstOf(yield* claimSome(bus, "a")).delivery).not.toBe("7");
        yield* eventually(Effect.sync(() => s.pubsub.backlog(s.east.inbox.subscription) === 0));
        // The others became dead letters, and are no delivery of ours.
        yield* eventually(
          Effect.gen(function* () {
            yield* bus.claim({ target: "east", worker: "a", limit: 4, leaseMs: LEASE_MS });
            return s.pubsub.backlog(s.east.work.subscription) + s.pubsub.backlog(s.east.dead.subscription) === 0;
          }).pipe(Effect.orDie),
        );
        expect(yield* s.outcomes).toEqual([]);
      }),
    ));
});

import { BusUnavailable, type DeliveryBus } from "@drayage/delivery";
import type { Copier, Registry } from "@drayage/oci-core";
import { pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { describe, expect } from "vitest";
import type { Replicate } from "./replicate.ts";
import {
  APP,
  eventually,
  requestFor,
  small,
  startSide,
  startWorld,
  test,
  type World,
} from "./replicator.test-support.ts";
import { work } from "./work.ts";

const options = { target: "target", worker: "a", concurrency: 4 };
const tags = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, n) => `v${n}`);
const states = ({ deliveries }: World) => deliveries.rows().map(({ state }) => state);
const areIdle = (world: World) => states(world).every((state) => state === "idle");
const count = (world: World, state: string): number => states(world).filter((each) => each === state).length;

/** A source that answers a GET of a manifest only when the gate is open: a copy stands still there, with nothing put. */
const gated = (context: Replicate, gate: Deferred.Deferred<void>): Replicate => ({
  ...context,
  registryOf: (name) => {
    const registry = context.registryOf(name);
    return registry && withManifest(registry, (read) => Effect.andThen(Deferred.await(gate), read));
  },
});
const withManifest = (
  registry: Registry,
  around: (read: ReturnType<Registry["manifest"]>) => ReturnType<Registry["manifest"]>,
): Registry => ({ ...registry, manifest: (repository, reference) => around(registry.manifest(repository, reference)) });
const withBus = (world: World, changes: (bus: DeliveryBus) => Partial<DeliveryBus>): Replicate => ({
  ...world.context,
  bus: { ...world.context.bus, ...changes(world.context.bus) },
});
const away = (operation: string) => Effect.fail(new BusUnavailable({ operation, cause: new Error("no connection") }));

describe("a replicator", () => {
  test("works off what is there, and what comes, never more at once than it may", {}, function* (world) {
    let [running, most] = [0, 0];
    const copier: Pick<Copier, "copy"> = {
      copy: (request) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            running += 1;
            most = Math.max(most, running);
          }),
          () => world.context.copier.copy(request),
          () =>
            Effect.sync(() => {
              running -= 1;
            }),
        ),
    };
    yield* world.push(small("one"), ...tags(12));
    world.ask(tags(10));
    yield* Effect.forkScoped(work({ ...world.context, copier }, { ...options, concurrency: 3 }));
    yield* eventually(() => areIdle(world));
    world.ask(["v10", "v11"]);
    yield* eventually(() => areIdle(world));
    expect(world.target.tags(APP)).toHaveLength(12);
    expect(most).toBe(3);
  });

  it.effect("one at a time goes on at once, without the help of its poll", () =>
    Effect.gen(function* () {
      // The clock of this test stands still, so no poll ever comes.
      const world = yield* startWorld({}, { ms: 0 });
      yield* world.push(small("one"), ...tags(5));
      world.ask(tags(5));
      yield* Effect.forkScoped(work(world.context, { ...options, concurrency: 1 }));
      yield* eventually(() => areIdle(world));
      expect(world.target.tags(APP)).toHaveLength(5);
    }).pipe(Effect.scoped),
  );

  test("that lost its lease puts no tag and reports nothing", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    const gate = yield* Deferred.make<void>();
    yield* Effect.forkScoped(work(gated(world.context, gate), { ...options, concurrency: 1 }));
    yield* eventually(() => count(world, "leased") === 1);
    world.later(121_000);
    const thief = yield* world.claim;
    yield* Deferred.succeed(gate, undefined);
    yield* eventually(() => world.target.blobs(APP).length === small("one").blobs.length);
    yield* Effect.sleep(100);
    expect([world.target.tags(APP), world.deliveries.events()]).toEqual([[], []]);
    expect(world.deliveries.rows()[0]).toMatchObject({ state: "leased", generation: thief.generation });
  });

  test("that is late but still has its lease renews it before it puts the tag", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    const gate = yield* Deferred.make<void>();
    yield* Effect.forkScoped(work(gated(world.context, gate), options));
    yield* eventually(() => count(world, "leased") === 1);
    world.later(100_000); // 20 s are left, less than a PUT may take
    yield* Deferred.succeed(gate, undefined);
    yield* eventually(() => areIdle(world));
    expect(world.deliveries.events()).toMatchObject([{ action: "copied" }]);
  });

  test("goes on after a bug in one delivery", {}, function* (world) {
    const copier: Pick<Copier, "copy"> = {
      copy: (request) =>
        request.target.tag === "v1" ? Effect.die(new TypeError("oops")) : world.context.copier.copy(request),
    };
    yield* world.push(small("one"), ...tags(6));
    world.ask(tags(6));
    yield* Effect.forkScoped(work({ ...world.context, copier }, options));
    yield* eventually(() => count(world, "idle") === 5);
    expect(world.deliveries.events()).toContainEqual(
      expect.objectContaining({ tag: "v1", error: expect.objectContaining({ reason: "internal" }) }),
    );
  });
});

describe("a stop", () => {
  test("hands back what runs, untouched and due at once", {}, function* (world) {
    yield* world.push(small("one"), ...tags(3));
    world.ask(tags(3));
    const gate = yield* Deferred.make<void>();
    const running = yield* Effect.forkScoped(work(gated(world.context, gate), { ...options, concurrency: 2 }));
    yield* eventually(() => count(world, "leased") === 2);
    yield* Fiber.interrupt(running);
    expect(world.deliveries.rows()).toMatchObject(tags(3).map(() => ({ state: "pending", attempts: 0 })));
    expect(world.deliveries.events()).toEqual([]);
    expect((yield* world.settle).map(({ _tag }) => _tag)).toEqual(["Succeeded", "Succeeded", "Succeeded"]);
  });

  test("in a tag PUT keeps others away until the request cannot land any more", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    const hanging = yield* Deferred.make<void>();
    const target: Registry = {
      ...world.context.target,
      putManifest: () => Effect.andThen(Deferred.succeed(hanging, undefined), Effect.never),
    };
    const running = yield* Effect.forkScoped(work({ ...world.context, target }, options));
    yield* Deferred.await(hanging);
    yield* Fiber.interrupt(running);
    expect([states(world), yield* world.settle]).toEqual([["pending"], []]);
    world.later(60_000);
    expect(yield* world.settle).toMatchObject([{ event: { action: "copied" } }]);
  });

  test("in a report does not lose what is finished", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    const reporting = yield* Deferred.make<void>();
    let calls = 0;
    const context = withBus(world, (bus) => ({
      report: (item, outcome) =>
        Effect.suspend(() => {
          calls += 1;
          return calls === 1
            ? Effect.andThen(Deferred.succeed(reporting, undefined), Effect.never)
            : bus.report(item, outcome);
        }),
    }));
    const running = yield* Effect.forkScoped(work(context, options));
    yield* Deferred.await(reporting);
    yield* Fiber.interrupt(running);
    expect([states(world), calls]).toEqual([["idle"], 2]);
  });
});

describe("a bus that is away", () => {
  test("when we claim is asked again", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    let calls = 0;
    const context = withBus(world, (bus) => ({
      claim: (asked) =>
        Effect.suspend(() => {
          calls += 1;
          return calls === 1 ? away("claim") : bus.claim(asked);
        }),
    }));
    yield* Effect.forkScoped(work(context, options));
    yield* eventually(() => areIdle(world));
  });

  test("when we report is told later; nothing is done twice", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    let calls = 0;
    const context = withBus(world, (bus) => ({
      report: (item, outcome) =>
        Effect.suspend(() => {
          calls += 1;
          return calls === 1 ? away("report") : bus.report(item, outcome);
        }),
    }));
    yield* Effect.forkScoped(work(context, options));
    yield* eventually(() => areIdle(world));
    expect(world.deliveries.events()).toHaveLength(1);
    expect(world.target.requests.count({ method: "PUT", path: /manifests\/v1/ })).toBe(1);
  });

  test("at the gate before the tag gets the delivery back", {}, function* (world) {
    yield* world.push(small("one"), "v1");
    world.ask(["v1"]);
    let calls = 0;
    const context = withBus(world, (bus) => ({
      intend: (item, digest, neededMs) =>
        Effect.suspend(() => {
          calls += 1;
          return calls === 1 ? away("intend") : bus.intend(item, digest, neededMs);
        }),
    }));
    yield* Effect.forkScoped(work(context, options));
    yield* eventually(() => areIdle(world));
    expect(world.deliveries.events()).toMatchObject([{ action: "copied" }]);
    expect(world.deliveries.rows()).toMatchObject([{ generation: 2 }]);
  });
});

describe("a target that is down", () => {
  test("is probed by one delivery at a time, keeps its backlog, and delays no other target", {}, function* (world) {
    const west = yield* startSide("west");
    yield* world.push(small("one"), ...tags(20));
    yield* world.target.setOnline(false);
    world.ask(tags(20));
    world.deliveries.request(tags(3).map((tag) => requestFor("west", "source", tag, 1_000)));
    yield* Effect.forkScoped(work(world.context, options));
    yield* Effect.forkScoped(
      work({ ...world.context, target: west.client }, { ...options, target: "west", worker: "b" }),
    );
    const ofTarget = () => world.deliveries.rows().filter(({ target }) => target === "target");
    const tried = () => ofTarget().filter(({ attempts }) => attempts > 0).length;
    yield* eventually(() => west.server.tags(APP).length === 3);
    // Those that were under way when it went, and the one that made the second witness; one may still be under way.
    const most = options.concurrency + 2;
    yield* eventually(() => tried() >= options.concurrency && count(world, "leased") <= 1);
    // Some probes long: never two at once, and the backlog is not touched.
    const generations = () => ofTarget().reduce((sum, { generation }) => sum + generation, 0);
    const before = generations();
    let atOnce = 0;
    yield* eventually(() => {
      atOnce = Math.max(atOnce, count(world, "leased"));
      return generations() >= before + 3;
    });
    expect([atOnce, tried() <= most]).toEqual([1, true]);
    yield* world.target.setOnline(true);
    yield* eventually(() => world.target.tags(APP).length >= 10);
    world.later(30_000); // those that had failed, and the last probes, rest for a while
    yield* eventually(() => areIdle(world));
    expect(world.target.tags(APP)).toHaveLength(20);
  });

  test("is not down because it chokes on one image", {}, function* (world) {
    yield* world.push(small("one"), ...tags(3));
    yield* pushImage(world.source.url, APP, "poisoned", small("poisoned"));
    world.target.faults.add({
      match: { method: "PUT", path: /manifests\/poisoned/, times: Number.POSITIVE_INFINITY },
      action: { kind: "status", status: 500 },
    });
    world.ask(["poisoned"]);
    yield* Effect.forkScoped(work(world.context, { ...options, concurrency: 1 }));
    yield* eventually(() => world.deliveries.events().length >= 1);
    world.ask(tags(3));
    yield* eventually(() => count(world, "idle") === 3);
    expect(world.deliveries.events().filter(({ _tag }) => _tag === "ReplicationSucceeded")).toHaveLength(3);
  });
});

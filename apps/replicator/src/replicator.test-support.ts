import { type MemoryDeliveries, makeMemoryDeliveries, type Outcome } from "@drayage/delivery";
import { repositoryName, tagName } from "@drayage/delivery/testing";
import type { DeliveryRequest, Guard, Route, WorkItem } from "@drayage/domain";
import { connectRegistry, makeCopier, type Registry, type RegistryTraits } from "@drayage/oci-core";
import {
  type ImageFixture,
  image,
  pushImage,
  type StrictRegistry,
  type StrictRegistryOptions,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { makeVerifiers } from "./gate.ts";
import { type Done, type Replicate, replicate } from "./replicate.ts";

export const APP = repositoryName("team/app");
export const CONFIRM_AFTER_MS = 60_000;
/** Out of the way, for tests that are about something else. */
export const WIDE_GUARD: Guard = {
  perRepository: { most: 100, within: 3_600_000 },
  perTarget: { most: 100, within: 3_600_000, fraction: 1 },
};
export const MIRROR = {
  mode: "mirror",
  confirmAfter: CONFIRM_AFTER_MS,
  protect: [] as ReadonlyArray<string>,
} as const satisfies Route["deletes"];

/** A registry and our client of it. */
export interface Side {
  readonly server: StrictRegistry;
  readonly client: Registry;
}
export interface SideOptions extends StrictRegistryOptions {
  readonly traits?: Partial<RegistryTraits>;
}
export const startSide = Effect.fnUntraced(function* (name: string, { traits, ...options }: SideOptions = {}) {
  const server = yield* startStrictRegistry(options);
  const client = yield* connectRegistry({ name, url: server.url, auth: [], traits: traits ?? {} });
  return { server, client } satisfies Side;
});

export interface WorldOptions {
  readonly source?: SideOptions;
  readonly target?: SideOptions;
  readonly route?: Partial<Route>;
  readonly guard?: Guard;
}

/** Two registries, a bus in memory, and a clock that a test moves: registry `source` feeds registry `target`, all names as they are. */
export interface World {
  readonly source: StrictRegistry;
  readonly target: StrictRegistry;
  readonly context: Replicate;
  readonly deliveries: MemoryDeliveries;
  /** Puts an image at the source under these tags. */
  readonly push: (image: ImageFixture, ...tags: ReadonlyArray<string>) => Effect.Effect<void>;
  /** An event asks for these tags. */
  readonly ask: (tags: ReadonlyArray<string>, more?: Partial<DeliveryRequest>) => void;
  readonly claim: Effect.Effect<WorkItem>;
  /** Claims one delivery, works on it and reports. */
  readonly step: Effect.Effect<Done>;
  /** Works until nothing is due. */
  readonly settle: Effect.Effect<ReadonlyArray<Outcome>>;
  readonly later: (ms: number) => void;
}

export const startWorld = Effect.fnUntraced(function* (
  { source: sourceOptions, target: targetOptions, route: more, guard = WIDE_GUARD }: WorldOptions,
  passed: { ms: number },
): Effect.fn.Return<World, never, Scope.Scope> {
  const source = yield* startSide("source", sourceOptions);
  const target = yield* startSide("target", targetOptions);
  const deliveries = yield* makeMemoryDeliveries({ guard, now: () => Date.now() + passed.ms });
  const route: Route = { ...plainRoute("all", "source", "target"), ...more };
  const context: Replicate = {
    bus: deliveries.bus,
    copier: yield* makeCopier({ limits: { backoffMs: 1, backoffMaxMs: 20, confirmTries: 2 } }),
    target: target.client,
    registryOf: (name) => new Map([source, target].map(({ client }) => [client.name, client])).get(name),
    policyOf: (item) => (item.route === route.name ? route : undefined),
    verifierOf: makeVerifiers("/nowhere"),
  };
  let position = 0;
  const { step, settle, claim } = runner(context);
  return {
    source: source.server,
    target: target.server,
    context,
    deliveries,
    push: (fixture, ...tags) =>
      Effect.forEach(tags, (tag) => pushImage(source.server.url, APP, tag, fixture), { discard: true }).pipe(
        Effect.orDie,
      ),
    ask: (tags, asked) => {
      position += 1;
      deliveries.request(tags.map((tag) => requestFor("target", "source", tag, position, asked)));
    },
    claim,
    step,
    settle,
    later: (ms) => {
      passed.ms += ms;
    },
  };
});

export const requestFor = (
  target: string,
  source: string,
  tag: string,
  position: number,
  more: Partial<DeliveryRequest> = {},
): DeliveryRequest => {
  const names = { repository: APP, tag: tagName(tag) };
  return {
    target,
    ...names,
    source: { registry: source, ...names },
    route: "all",
    position,
    depth: "tag",
    priority: 20,
    requestedAt: new Date(),
    wakesParked: true,
    ...more,
  };
};

export const plainRoute = (name: string, from: string, to: string): Route => ({
  name,
  from,
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: [{ registry: to, repository: "{repository}", tag: "{tag}" }],
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
});

const LEASE_MS = 120_000;

/** Works on the deliveries of one target, one after the other. */
export const runner = (context: Replicate) => {
  const target = context.target.name;
  const next = context.bus
    .claim({ target, worker: "test", limit: 1, leaseMs: LEASE_MS })
    .pipe(Effect.map((items) => items[0]));
  const work = Effect.fnUntraced(function* (item: WorkItem) {
    const done = yield* replicate(context, item);
    yield* context.bus.report(item, done.outcome);
    return done;
  });
  const claim = next.pipe(
    Effect.filterOrFail(
      (item) => item !== undefined,
      () => new Error("there was nothing to claim"),
    ),
    Effect.orDie,
  );
  const settle = Effect.gen(function* () {
    const ended: Array<Outcome> = [];
    for (let item = yield* next; item !== undefined; item = yield* next) ended.push((yield* work(item)).outcome);
    return ended;
  }).pipe(Effect.orDie);
  return { claim, step: Effect.orDie(Effect.flatMap(claim, work)), settle };
};

/** In a word: what became of it, and why. */
export const wordOf = (outcome: Outcome): string => {
  switch (outcome._tag) {
    case "Succeeded":
      return outcome.event.action;
    case "Skipped":
      return `skipped ${outcome.event.reason}`;
    case "Waiting":
      return "waiting: signature";
    case "Confirming":
      return "confirming";
    case "Failed":
      return `failed ${outcome.event.error.reason}`;
    case "Parked":
      return `parked ${outcome.event.error.reason}`;
  }
};
export const wordsOf = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> => outcomes.map(wordOf);

/** A small image of its own for each seed. */
export const small = (seed: string): ImageFixture => image({ seed, layers: [64] });

/** Real time, moved on by `passed`; sleeps are real. */
const shifted = (clock: Clock.Clock, passed: { readonly ms: number }): Clock.Clock => {
  const millis = () => clock.currentTimeMillisUnsafe() + passed.ms;
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
    currentTimeNanos: clock.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration),
  };
};

/** Long for a machine under load. */
const TEST_MS = 60_000;

type Body = Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>;

/** A test with a world of its own. */
export const test = (name: string, options: WorldOptions, body: (world: World) => Body): void =>
  it.live(
    name,
    () =>
      Effect.gen(function* () {
        const passed = { ms: 0 };
        const world = yield* startWorld(options, passed);
        const clock = shifted(yield* Clock.Clock, passed);
        yield* Effect.provideService(
          Effect.gen(() => body(world)),
          Clock.Clock,
          clock,
        );
      }).pipe(Effect.scoped),
    TEST_MS,
  );

const PATIENCE_MS = 40_000;
const LOOK_EVERY_MS = 10;

/** Looks until it is so, in real time whatever clock the test has. */
export const eventually = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    const until = Date.now() + PATIENCE_MS;
    while (!isSo()) {
      if (Date.now() > until) throw new Error(`not within ${PATIENCE_MS} ms: ${isSo}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  });

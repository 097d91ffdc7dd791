import { createHash } from "node:crypto";
import type { WorkItem } from "@drayage/domain";
import type { DatabaseShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { makePostgresFixture } from "../postgres.test-support.ts";
import type { BusFixture } from "../testing/fixture.ts";
import type { InProcessPubSub } from "../testing/index.ts";
import type { PubSubClient } from "./client.ts";
import type { Control } from "./control.ts";
import { hear } from "./inbox.ts";
import { issue } from "./issue.ts";
import { type BusNames, busNames } from "./names.ts";
import { makePubSubBus } from "./pubsub-bus.ts";
import { busResources } from "./resources.ts";

export const TEST_PROJECT = "acme-ops";
export const TEST_INSTANCE = "test";
/** Those that the contract suite has. */
export const CONTRACT_TARGETS = ["east", "west", "a", "b", "c"] as const;
let prefixes = 0;
/** Of one test; nothing of another reaches it. */
export const newNames = (targets: ReadonlyArray<string>): ReadonlyArray<BusNames> => {
  prefixes += 1;
  const prefix = `dray${createHash("sha256").update(`${process.pid} ${prefixes}`).digest("hex").slice(0, 10)}`;
  return targets.map((target) => busNames(TEST_PROJECT, prefix, target));
};

/** What `dray bus apply` makes, in this process. */
export const makeLines = (pubsub: InProcessPubSub, names: ReadonlyArray<BusNames>): void => {
  for (const { topics, subscriptions } of names.map(busResources)) {
    for (const topic of topics) pubsub.createTopic(topic);
    for (const { name, ...settings } of subscriptions) pubsub.createSubscription(name, settings);
  }
};

export const makeControl = (database: DatabaseShape, client: PubSubClient, names: BusNames): Control => ({
  database,
  bus: makePostgresFixture(database).bus,
  client,
  names,
  instance: TEST_INSTANCE,
  policyOf: () => undefined,
});

/** The inbox is heard all the time; work is handed out when the test claims, so that it gets just what is due then. */
export const makePubSubFixture = Effect.fnUntraced(function* (
  database: DatabaseShape,
  client: PubSubClient,
  names: ReadonlyArray<BusNames>,
): Effect.fn.Return<BusFixture, never, Scope.Scope> {
  const controls = new Map(names.map((each) => [each.target, makeControl(database, client, each)]));
  for (const control of controls.values()) {
    yield* Effect.forkScoped(Effect.forever(Effect.orDie(hear(control, new Map()))));
  }
  const bus = yield* makePubSubBus({ client, names, instance: TEST_INSTANCE });
  const controlOf = (target: string): Control => {
    const control = controls.get(target);
    if (control === undefined) throw new Error(`no target ${target}`);
    return control;
  };
  const claim: BusFixture["bus"]["claim"] = Effect.fnUntraced(function* (options) {
    const issued = yield* issue(controlOf(options.target), options.limit);
    const got: Array<WorkItem> = [];
    while (got.length < issued.length) {
      got.push(...(yield* bus.claim({ ...options, limit: issued.length - got.length })));
      yield* Effect.sleep("5 millis");
    }
    // Pub/Sub keeps no order; what is claimed, and in which one, was decided when it was handed out.
    const place = ({ delivery }: WorkItem) => issued.findIndex((each) => each.delivery === delivery);
    return got.toSorted((a, b) => place(a) - place(b));
  });
  const handOut = (target: string) =>
    issue(controlOf(target), 1).pipe(
      Effect.andThen(bus.claim({ target, worker: "woken", limit: 1, leaseMs: 60_000 })),
      Effect.andThen(Effect.sleep("5 millis")),
      Effect.orDie,
      Effect.forever,
    );
  const wakes = (target: string) => Stream.unwrap(Effect.as(Effect.forkScoped(handOut(target)), bus.wakes(target)));
  return { ...makePostgresFixture(database), bus: { ...bus, claim, wakes } };
});

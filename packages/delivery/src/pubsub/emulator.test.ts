import { pubSubEmulators, startPubSubEmulator } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testDatabase } from "../postgres.test-support.ts";
import { deliveryBusContract } from "../testing/index.ts";
import { applyBus, planBus } from "./apply.ts";
import { type GooglePubSub, googlePubSubClient, openGooglePubSub } from "./google-client.ts";
import { CONTRACT_TARGETS, makePubSubFixture, newNames, TEST_PROJECT } from "./pubsub.test-support.ts";
import { type BusResources, busResources } from "./resources.ts";

it("cannot be reached: that is said, and what was asked", async () => {
  process.env["METADATA_SERVER_DETECTION"] = "none";
  const nobody = openGooglePubSub({ project: TEST_PROJECT, endpoint: "127.0.0.1:9" });
  const asked = Effect.flatMap(nobody, (google) => googlePubSubClient(google).publish("projects/p/topics/t", []));
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(asked)));
  expect(error.message).toContain("publish projects/p/topics/t failed");
});

describe.each(pubSubEmulators())("Google Pub/Sub, by the emulator $jar", (emulator) => {
  const scope = Effect.runSync(Scope.make());
  let google: GooglePubSub;
  const apply = (wanted: BusResources) =>
    Effect.flatMap(planBus(google, wanted), (plan) => Effect.as(applyBus(google, wanted, plan), plan));

  beforeAll(async () => {
    process.env["METADATA_SERVER_DETECTION"] = "none";
    const opened = Effect.flatMap(startPubSubEmulator(emulator), (endpoint) =>
      openGooglePubSub({ project: TEST_PROJECT, endpoint }),
    );
    google = await Effect.runPromise(Scope.provide(opened, scope));
  }, 90_000);
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));

  deliveryBusContract(
    "Pub/Sub emulator, over PostgreSQL",
    Effect.gen(function* () {
      const names = newNames(CONTRACT_TARGETS);
      for (const each of names) yield* Effect.orDie(apply(busResources(each)));
      return yield* makePubSubFixture(yield* testDatabase, googlePubSubClient(google), names);
    }),
  );

  it("gets what is missing, and what is there stays", async () => {
    const [names] = newNames(["east"]);
    if (names === undefined) throw new Error("no names");
    const wanted = busResources(names);
    const first = await Effect.runPromise(apply(wanted));
    expect(first.map(({ kind, action }) => `${action} ${kind}`)).toEqual([
      ...Array.from({ length: 4 }, () => "create topic"),
      ...Array.from({ length: 4 }, () => "create subscription"),
    ]);
    const second = await Effect.runPromise(planBus(google, wanted));
    expect(second.filter(({ action }) => action !== "ready")).toEqual([]);
  });

  it("gets what may be changed, and what may not is told and left alone", async () => {
    const [names] = newNames(["east"]);
    if (names === undefined) throw new Error("no names");
    const wanted = busResources(names);
    await Effect.runPromise(apply(wanted));
    const { publisher, subscriber } = google;
    await subscriber.updateSubscription({
      subscription: { name: names.inbox.subscription, ackDeadlineSeconds: 77 },
      updateMask: { paths: ["ack_deadline_seconds"] },
    });
    await subscriber.deleteSubscription({ subscription: names.answers.subscription });
    await subscriber.createSubscription({
      name: names.answers.subscription,
      topic: names.answers.topic,
      enableMessageOrdering: true,
    });
    const plan = await Effect.runPromise(apply(wanted));
    expect(plan.filter(({ action }) => action !== "ready")).toEqual([
      {
        kind: "subscription",
        name: names.inbox.subscription,
        action: "change",
        why: "ack deadline",
        fields: ["ack_deadline_seconds"],
      },
      {
        kind: "subscription",
        name: names.answers.subscription,
        action: "refused",
        why: expect.stringContaining("it keeps messages in order: it cannot be changed"),
      },
    ]);
    const again = await Effect.runPromise(planBus(google, wanted));
    expect(again.filter(({ action }) => action !== "ready").map(({ action }) => action)).toEqual(["refused"]);
    await publisher.deleteTopic({ topic: names.answers.topic });
  });

  it("says what to do where nothing was applied", async () => {
    const [names] = newNames(["east"]);
    if (names === undefined) throw new Error("no names");
    const error = await Effect.runPromise(Effect.flip(googlePubSubClient(google).pull(names.work.subscription, 1)));
    expect(error.message).toContain("run dray bus apply");
  });
});

import type { Incoming, Receipt } from "@drayage/oci-core";
import { pubSubEmulators, startPubSubEmulator } from "@drayage/oci-core/testing";
import { PubSub } from "@google-cloud/pubsub";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Redacted from "effect/Redacted";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseArtifactRegistry } from "./parse.ts";
import { examineSubscription, subscriptionListener } from "./subscription.ts";

const PROJECT = "acme-prod";
const IMAGE = "europe-west4-docker.pkg.dev/acme-prod/images/app";
const PLACE = { host: "europe-west4-docker.pkg.dev", location: "europe-west4", project: PROJECT };

it("a key that is none ends the listener before anything is asked", async () => {
  const error = await Effect.runPromise(
    Effect.flip(
      Effect.scoped(
        subscriptionListener({
          registry: "eu",
          subscription: "projects/acme-prod/subscriptions/drayage",
          identity: { _tag: "ServiceAccountKey", key: Redacted.make('{"type":"authorized_user","secret":"s3cret"}') },
        }).run(() => Effect.succeed("stored")),
      ),
    ),
  );
  expect(error.reason).toBe("unauthorized");
  expect(error.message).toContain("registries.eu.auth.serviceAccountKey");
  expect(error.message).not.toContain("s3cret");
});

describe.each(pubSubEmulators())("a subscription of Pub/Sub of the emulator $jar", (program) => {
  const scope = Effect.runSync(Scope.make());
  let client: PubSub;

  beforeAll(async () => {
    const host = await Effect.runPromise(Scope.provide(startPubSubEmulator(program), scope));
    vi.stubEnv("PUBSUB_EMULATOR_HOST", host);
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    client = new PubSub({ projectId: PROJECT });
  });
  afterAll(async () => {
    await client.close();
    vi.unstubAllEnvs();
    await Effect.runPromise(Scope.close(scope, Exit.void));
  });

  const listenTo = (subscription: string, deliver: (incoming: Incoming) => Receipt) =>
    Effect.scoped(
      subscriptionListener({
        registry: "eu",
        subscription: `projects/${PROJECT}/subscriptions/${subscription}`,
        identity: { _tag: "Default" },
      }).run((incoming) => Effect.sync(() => deliver(incoming))),
    );

  it("delivers a message as the reader reads it, again until it is stored, and no more after that", async () => {
    const [topic] = await client.createTopic("gcr");
    await topic.createSubscription("stored");
    const got: Array<Incoming> = [];
    const fiber = Effect.runFork(
      listenTo("stored", (incoming) => {
        got.push(incoming);
        return got.length < 3 ? "unavailable" : "stored";
      }),
    );
    await topic.publishMessage({ json: { action: "DELETE", tag: `${IMAGE}:v1` } });
    await vi.waitUntil(() => got.length >= 3, { timeout: 25_000, interval: 50 });
    await Effect.runPromise(Fiber.interrupt(fiber));
    const [first] = got;
    if (first?._tag !== "Received") throw new Error("not as it came");
    expect(parseArtifactRegistry(PLACE, first.request)).toMatchObject({
      notifications: [{ _tag: "Deleted", repository: "images/app", tag: "v1", delivery: { id: expect.any(String) } }],
    });
    expect(got).toHaveLength(3);
  });

  it("is looked at by doctor without being pulled: the emulator knows no rights, which is no verdict", async () => {
    const findings = await Effect.runPromise(
      examineSubscription({
        registry: "eu",
        subscription: `projects/${PROJECT}/subscriptions/stored`,
        identity: { _tag: "Default" },
      }),
    );
    expect(findings).toMatchObject([{ severity: "unknown", key: "notifications.subscription" }]);
  });

  it("ends with what to do where there is no such subscription", async () => {
    const error = await Effect.runPromise(Effect.flip(listenTo("nothing", () => "stored")));
    expect(error.reason).toBe("not-found");
    expect(error.message).toContain("create it on the topic gcr");
  });
});

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { Incoming, Receipt } from "@drayage/oci-core";
import { PubSub } from "@google-cloud/pubsub";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Redacted from "effect/Redacted";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseArtifactRegistry } from "./parse.ts";
import { examineSubscription, subscriptionListener } from "./subscription.ts";

const JAR = "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar";
const PROJECT = "acme-prod";
const IMAGE = "europe-west4-docker.pkg.dev/acme-prod/images/app";
const PLACE = { host: "europe-west4-docker.pkg.dev", location: "europe-west4", project: PROJECT };

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Google's emulator where the Cloud SDK has put it: there is none for npm. */
const EMULATORS = [JAR].filter((jar) => existsSync(jar));

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

describe.each(EMULATORS)("a subscription of the emulator %s", (jar) => {
  let stop = (): void => undefined;
  let client: PubSub;

  beforeAll(async () => {
    const port = await freePort();
    const java = spawn("java", ["-Xmx256m", "-jar", jar, "--host=127.0.0.1", `--port=${port}`], { stdio: "ignore" });
    stop = () => java.kill();
    await vi.waitUntil(
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 50_000, interval: 200 },
    );
    vi.stubEnv("PUBSUB_EMULATOR_HOST", `127.0.0.1:${port}`);
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    client = new PubSub({ projectId: PROJECT });
  });
  afterAll(async () => {
    await client.close();
    vi.unstubAllEnvs();
    stop();
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

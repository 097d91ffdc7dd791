import { type ArtifactRegistryServer, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import {
  type ImageFixture,
  image,
  multiPlatform,
  pubSubEmulators,
  pushImage,
  startPubSubEmulator,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Dray, drayHere, freePort, type Running } from "../dray.test-support.ts";

const SOON = { timeout: 60_000, interval: 50 };
const TOPIC = "projects/acme-prod/topics/gcr";
const SUBSCRIPTION = "projects/acme-prod/subscriptions/drayage";

it("a subscription is written with its project", async () => {
  const notifications = "notifications: { subscription: drayage }";
  const eu = `eu: { type: artifact-registry, location: europe-west4, project: acme-prod, ${notifications} }`;
  const ran = await (await drayHere({ "drayage.yaml": `registries:\n  ${eu}\n` })).run(["config", "check"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("registries.eu.notifications.subscription: a whole name");
});

describe.each(pubSubEmulators())("Artifact Registry to another region, by the emulator $jar", (program) => {
  const cleaners: Array<() => Promise<void>> = [];
  let emulator: string;
  let eu: ArtifactRegistryServer;
  let us: ArtifactRegistryServer;
  let dray: Dray;
  let up: Running;
  let publishing: Promise<unknown> = Promise.resolve();

  const rest = async (method: "PUT" | "POST", path: string, body: unknown): Promise<void> => {
    const answer = await request(`http://${emulator}/v1/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
  };
  const start = (): Promise<Running> =>
    dray.start(["up"], /drayage \S+ is up/, {
      env: { PUBSUB_EMULATOR_HOST: emulator, METADATA_SERVER_DETECTION: "none" },
      mostMs: 300_000,
    });

  beforeAll(async () => {
    const scope = await Effect.runPromise(Scope.make());
    cleaners.push(() => Effect.runPromise(Scope.close(scope, Exit.void)));
    emulator = await Effect.runPromise(Scope.provide(startPubSubEmulator(program), scope));
    await vi.waitFor(() => rest("PUT", TOPIC, {}), SOON);
    await rest("PUT", SUBSCRIPTION, { topic: TOPIC });
    const starting = Effect.all([
      startArtifactRegistry({
        publish: (message) => {
          const data = Buffer.from(JSON.stringify(message)).toString("base64");
          publishing = publishing.then(() => rest("POST", `${TOPIC}:publish`, { messages: [{ data }] }));
        },
      }),
      startArtifactRegistry({ location: "us-central1", repositories: [] }),
    ]);
    [eu, us] = await Effect.runPromise(Scope.provide(starting, scope));
    const files = { "drayage.yaml": configuration(await freePort(), await freePort()) };
    dray = await drayHere(files, (clean) => void cleaners.push(clean));
    up = await start();
  });
  afterAll(async () => {
    for (const clean of cleaners.reverse()) await clean();
  });

  const configuration = (port: number, admin: number): string => `version: 1
dataDir: ./data
http: { ingest: { port: ${port} }, admin: { port: ${admin} } }
reconcile: { changed: "off", full: "off" }
registries:
  eu:
    type: artifact-registry
    url: ${eu.url.origin}
    api: ${eu.url.origin}
    project: ${eu.project}
    location: ${eu.location}
    auth: { accessToken: ${eu.accessToken} }
    notifications: { subscription: ${SUBSCRIPTION} }
  us:
    type: artifact-registry
    url: ${us.url.origin}
    api: ${us.url.origin}
    project: ${us.project}
    location: ${us.location}
    auth: { accessToken: ${us.accessToken} }
    createRepositories: {}
routes:
  - { name: regions, from: eu, to: [{ registry: us }], deletes: { mode: mirror, confirmAfter: 1s } }
`;

  const push = async (tag: string, pushed: ImageFixture): Promise<void> => {
    const authorization = `Bearer ${eu.accessToken}`;
    await Effect.runPromise(pushImage(eu.url, `${eu.project}/images/team/app`, tag, pushed, { authorization }));
    await publishing;
  };
  const arrived = (tag: string, digest: string | undefined) =>
    expect.poll(() => us.manifest(`${us.project}/images/team/app`, tag)?.digest, SOON).toBe(digest);

  it("a push arrives in the other region", async () => {
    const top = multiPlatform({ seed: "pulled" });
    await push("1.0", top);
    await arrived("1.0", top.digest);
    expect(us.danglingReferences()).toEqual([]);
  });

  it("what was pushed and deleted while Drayage was down is done when it is up again", async () => {
    const [gone, kept] = [image({ seed: "gone" }), image({ seed: "kept" })];
    await push("0.9", gone);
    await arrived("0.9", gone.digest);
    await up.stop("SIGTERM");
    await push("1.1", kept);
    const answer = await request(new URL(`/v2/${eu.project}/images/team/app/manifests/0.9`, eu.url), {
      method: "DELETE",
      headers: { authorization: `Bearer ${eu.accessToken}` },
    });
    await answer.body.dump();
    await publishing;
    up = await start();
    await arrived("1.1", kept.digest);
    await arrived("0.9", undefined);
  });
});

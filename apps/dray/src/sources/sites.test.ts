import { type ArtifactRegistryServer, type GcrMessage, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import { type Artifactory, startArtifactory } from "@drayage/artifactory-adapter/testing";
import { type Ecr, startEcr } from "@drayage/ecr-adapter/testing";
import {
  type ImageFixture,
  image,
  multiPlatform,
  pushImage,
  type StrictRegistry,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dray, drayHere, freePort } from "../dray.test-support.ts";
import { delivering, envelope, type Issuer, PUSH, post, startIssuer } from "./cloud.test-support.ts";

const SECRET = "the-secret-of-the-webhook";
const [DEV, PROD] = ["docker-dev-local", "docker-prod-local"];
/** A copy takes milliseconds; a busy machine takes its time. */
const SOON = { timeout: 60_000, interval: 50 };

const cleaners: Array<() => Promise<void>> = [];
let site: Artifactory;
let other: Artifactory;
let google: ArtifactRegistryServer;
let aws: Ecr;
let plain: StrictRegistry;
let issuer: Issuer;
let dray: Dray;
let ingest: string;
let topic: ReturnType<typeof delivering>;

/** One `dray up` for all: one site of Artifactory to another one, Artifact Registry, ECR and a plain registry, told by webhooks that Drayage itself set up. */
beforeAll(async () => {
  const scope = await Effect.runPromise(Scope.make());
  cleaners.push(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  const [port, admin] = [await freePort(), await freePort()];
  ingest = `http://127.0.0.1:${port}`;
  issuer = await startIssuer();
  cleaners.push(issuer.close);
  topic = delivering((body) =>
    post(`${ingest}/notifications/google`, body, { authorization: `Bearer ${issuer.token()}` }),
  );
  const keys = { [DEV]: { kind: "local" }, [PROD]: { kind: "local" } } as const;
  const starting = Effect.all([
    startArtifactory({ keys }),
    startArtifactory({ keys: { mirror: { kind: "local" } } }),
    startArtifactRegistry({
      repositories: ["images", "source"],
      publish: (message: GcrMessage) => topic.deliver(envelope(message)),
    }),
    startEcr(),
    startStrictRegistry(),
  ]);
  [site, other, google, aws, plain] = await Effect.runPromise(Scope.provide(starting, scope));
  dray = await drayHere({ "drayage.yaml": configuration(port, admin) }, (clean) => void cleaners.push(clean));
  const env = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "example", ADMIN_TOKEN: site.accessToken };
  await dray.start(["up"], /drayage \S+ is up/, { env, mostMs: 300_000 });
  const applied = await dray.run(
    ["artifactory", "webhook", "apply", "--registry", "site", "--url", ingest, "--token-env", "ADMIN_TOKEN"],
    { env },
  );
  expect(applied).toMatchObject({ code: 0, stdout: "webhook drayage created\n", stderr: "" });
});
afterAll(async () => {
  for (const clean of cleaners.reverse()) await clean();
});

const configuration = (port: number, admin: number): string => `version: 1
dataDir: ./data
http: { ingest: { port: ${port} }, admin: { port: ${admin} } }
reconcile: { changed: "off", full: "off" }
registries:
  site:
    type: artifactory
    url: ${site.registry.url.origin}
    auth: { username: ${site.user.name}, password: ${site.user.password} }
    notifications: { secret: ${SECRET}, scheme: hmac-sha256 }
  other:
    type: artifactory
    url: ${other.registry.url.origin}
    auth: { username: ${other.user.name}, password: ${other.user.password} }
  google:
    type: artifact-registry
    url: ${google.url.origin}
    api: ${google.url.origin}
    project: ${google.project}
    location: ${google.location}
    auth: { accessToken: ${google.accessToken} }
    notifications: { push: { audience: "${PUSH.audience}", serviceAccount: ${PUSH.account}, keys: "${issuer.keys}" } }
  aws: { type: ecr, account: "${aws.account}", region: ${aws.region}, url: ${aws.registry.url.origin}, api: ${aws.registry.url.origin} }
  plain: { type: oci, url: ${plain.url.origin} }
routes:
  - name: everywhere
    from: site
    to:
      - { registry: other, repository: "mirror/site/{repositoryKey}/{image}" }
      - { registry: google, repository: "images/{repositoryKey}/{image}" }
      - { registry: aws, repository: "{repositoryKey}/{image}" }
      - { registry: plain, repository: "{repositoryKey}/{image}" }
    deletes: { mode: mirror, confirmAfter: 1s }
  - name: cloud-to-site
    from: google
    select: { repositories: ["source/**"] }
    to: [{ registry: other, repository: "mirror/cloud/{repository}" }]
    deletes: { mode: mirror, confirmAfter: 1s }
`;

/** Pushed at the site, which tells it by itself. */
const push = async (name: string, tag: string, pushed: ImageFixture): Promise<string> => {
  const { registry, authorization } = site;
  await Effect.runPromise(pushImage(registry.url, name, tag, pushed, { authorization }));
  return pushed.digest;
};
const remove = async (name: string, tag: string): Promise<void> => {
  const answer = await request(new URL(`/v2/${name}/manifests/${tag}`, site.registry.url), {
    method: "DELETE",
    headers: { authorization: site.authorization },
  });
  await answer.body.dump();
  expect(answer.statusCode).toBe(202);
};
/** As a pipeline does it: by the API of Artifactory, which tells it once, at the source. */
const promote = async (image: string, tag: string, targetTag: string, copy: boolean): Promise<void> => {
  const answer = await request(new URL(`/artifactory/api/docker/${DEV}/v2/promote`, site.registry.url), {
    method: "POST",
    headers: { authorization: site.authorization, "content-type": "application/json" },
    body: JSON.stringify({ targetRepo: PROD, dockerRepository: image, tag, targetTag, copy }),
  });
  expect(await answer.body.text()).toBe("Promotion ended successfully");
};

const held = (name: string, tag: string) => ({
  artifactory: other.registry.manifest(`mirror/site/${name}`, tag)?.digest,
  artifactRegistry: google.manifest(`${google.project}/images/${name}`, tag)?.digest,
  ecr: aws.registry.manifest(name, tag)?.digest,
  plain: plain.manifest(name, tag)?.digest,
});
const everywhere = (digest: string | undefined) => ({
  artifactory: digest,
  artifactRegistry: digest,
  ecr: digest,
  plain: digest,
});
const arrived = (name: string, tag: string, digest: string | undefined) =>
  expect.poll(() => held(name, tag), SOON).toEqual(everywhere(digest));

describe("Artifactory to Artifactory, Artifact Registry, ECR and a plain registry", () => {
  it("a push of an image for several platforms, with every child and blob", async () => {
    const top = multiPlatform({ seed: "sites" });
    await push(`${DEV}/team/web`, "1.0", top);
    await arrived(`${DEV}/team/web`, "1.0", top.digest);
    for (const registry of [other.registry, google, aws.registry, plain])
      expect(registry.danglingReferences()).toEqual([]);
  });

  it("a tag that is moved", async () => {
    await push(`${DEV}/team/moving`, "latest", image({ seed: "before" }));
    await arrived(`${DEV}/team/moving`, "latest", image({ seed: "before" }).digest);
    await push(`${DEV}/team/moving`, "latest", image({ seed: "after" }));
    await arrived(`${DEV}/team/moving`, "latest", image({ seed: "after" }).digest);
  });

  it("a deletion, which takes no other tag along", async () => {
    const same = image({ seed: "cleaned" });
    for (const tag of ["0.1", "0.2"]) {
      await push(`${DEV}/team/cleaned`, tag, same);
      await arrived(`${DEV}/team/cleaned`, tag, same.digest);
    }
    await remove(`${DEV}/team/cleaned`, "0.1");
    await arrived(`${DEV}/team/cleaned`, "0.1", undefined);
    expect(held(`${DEV}/team/cleaned`, "0.2")).toEqual(everywhere(same.digest));
  });

  it("a promotion that copies, with another tag", async () => {
    const digest = await push(`${DEV}/team/copied`, "2.0", image({ seed: "copied" }));
    await arrived(`${DEV}/team/copied`, "2.0", digest);
    await promote("team/copied", "2.0", "stable", true);
    await arrived(`${PROD}/team/copied`, "stable", digest);
    expect(held(`${DEV}/team/copied`, "2.0")).toEqual(everywhere(digest));
  });

  it("a promotion that moves: the new place is there, and the old one goes", async () => {
    // A witness: without it the whole repository would be gone, and that waits for a person.
    const kept = await push(`${DEV}/team/moved`, "2.9", image({ seed: "kept" }));
    const digest = await push(`${DEV}/team/moved`, "3.0", image({ seed: "moved" }));
    await arrived(`${DEV}/team/moved`, "3.0", digest);
    await arrived(`${DEV}/team/moved`, "2.9", kept);
    await promote("team/moved", "3.0", "3.0", false);
    await arrived(`${PROD}/team/moved`, "3.0", digest);
    await arrived(`${DEV}/team/moved`, "3.0", undefined);
    expect(held(`${DEV}/team/moved`, "2.9")).toEqual(everywhere(kept));
  });

  it("every webhook was taken at the first try", async () => {
    await Effect.runPromise(site.told);
    expect(site.deliveries().length).toBeGreaterThan(8);
    for (const delivery of site.deliveries()) expect(delivery).toMatchObject({ status: 202, tries: 1 });
  });
});

it("Artifact Registry to Artifactory: a push arrives", async () => {
  const top = multiPlatform({ seed: "from the cloud" });
  await Effect.runPromise(
    pushImage(google.url, `${google.project}/source/app`, "1.0", top, {
      authorization: `Bearer ${google.accessToken}`,
    }),
  );
  await expect.poll(() => other.registry.manifest("mirror/cloud/source/app", "1.0")?.digest, SOON).toBe(top.digest);
  expect(other.registry.danglingReferences()).toEqual([]);
  await topic.settled();
  expect(topic.lost()).toEqual([]);
});

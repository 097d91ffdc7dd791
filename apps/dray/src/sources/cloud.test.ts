import { type ArtifactRegistryServer, type GcrMessage, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import { type Ecr, startEcr } from "@drayage/ecr-adapter/testing";
import { type ImageFixture, image, manifestsOf, multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drayHere, freePort, type Running } from "../dray.test-support.ts";
import { delivering, envelope, type Issuer, PUSH, post, removeAtEcr, startIssuer } from "./cloud.test-support.ts";

const SECRET = "the-secret-of-the-connection";
/** A copy takes milliseconds; a busy machine takes its time. */
const SOON = { timeout: 60_000, interval: 50 };
/** Longer than the largest chunk that anybody sends: Artifact Registry takes a blob in one body or not at all. */
const LARGE_LAYER = 12 * 1024 * 1024;

const cleaners: Array<() => Promise<void>> = [];
let eu: ArtifactRegistryServer;
let us: ArtifactRegistryServer;
let aws: Ecr;
let issuer: Issuer;
let up: Running;
let ingest: string;
let admin: string;
let topic: ReturnType<typeof delivering>;
let bus: ReturnType<typeof delivering>;

/** One `dray up` for all: two regions of Artifact Registry and an ECR, told by Pub/Sub and EventBridge, deletions included. */
beforeAll(async () => {
  const scope = await Effect.runPromise(Scope.make());
  cleaners.push(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  const [port, adminPort] = [await freePort(), await freePort()];
  [ingest, admin] = [`http://127.0.0.1:${port}/notifications`, `http://127.0.0.1:${adminPort}`];
  issuer = await startIssuer();
  cleaners.push(issuer.close);
  topic = delivering((body) => post(`${ingest}/eu`, body, { authorization: `Bearer ${issuer.token()}` }));
  bus = delivering((body) => post(`${ingest}/aws`, body, { authorization: SECRET }));
  // One topic tells of all regions of a project: what Drayage writes in `us` is told to `eu` as well.
  const publish = (message: GcrMessage): void => topic.deliver(envelope(message));
  const starting = Effect.all([
    startArtifactRegistry({ publish }),
    startArtifactRegistry({ location: "us-central1", repositories: [], publish }),
    startEcr({ immutableTags: /^fixed/ }),
  ]);
  [eu, us, aws] = await Effect.runPromise(Scope.provide(starting, scope));
  aws.onEvent(({ body }) => bus.deliver(Buffer.from(body).toString()));
  aws.registry.createRepository("from-aws/app");
  const dray = await drayHere({ "drayage.yaml": configuration(port, adminPort) }, (clean) => void cleaners.push(clean));
  const env = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "example" };
  up = await dray.start(["up"], /drayage \S+ is up/, { env, mostMs: 300_000 });
});
afterAll(async () => {
  for (const clean of cleaners.reverse()) await clean();
});

const google = ({ url, project, location, accessToken }: ArtifactRegistryServer): string =>
  `type: artifact-registry
    url: ${url.origin}
    api: ${url.origin}
    project: ${project}
    location: ${location}
    auth: { accessToken: ${accessToken} }`;

const configuration = (port: number, adminPort: number): string => `version: 1
dataDir: ./data
http: { ingest: { port: ${port} }, admin: { port: ${adminPort} } }
reconcile: { changed: "off", full: "off" }
registries:
  eu:
    ${google(eu)}
    notifications: { push: { audience: "${PUSH.audience}", serviceAccount: ${PUSH.account}, keys: "${issuer.keys}" } }
  us:
    ${google(us)}
    createRepositories: {}
  aws:
    type: ecr
    account: "${aws.account}"
    region: ${aws.region}
    url: ${aws.registry.url.origin}
    api: ${aws.registry.url.origin}
    notifications: { secret: ${SECRET} }
routes:
  - name: regions
    from: eu
    select: { repositories: ["images/**"] }
    to: [{ registry: us }]
    deletes: { mode: mirror, confirmAfter: 1s }
  - name: to-ecr
    from: eu
    to: [{ registry: aws, repository: "mirror/{repository}" }]
    deletes: { mode: mirror, confirmAfter: 1s }
  - name: from-ecr
    from: aws
    select: { repositories: ["from-aws/**"] }
    to: [{ registry: us }]
    deletes: { mode: mirror, confirmAfter: 1s }
`;

const pushToGoogle = (name: string, tag: string, pushed: ImageFixture): Promise<unknown> =>
  Effect.runPromise(
    pushImage(eu.url, `${eu.project}/${name}`, tag, pushed, { authorization: `Bearer ${eu.accessToken}` }),
  );
const pushToEcr = (name: string, tag: string, pushed: ImageFixture): Promise<unknown> =>
  Effect.runPromise(pushImage(aws.registry.url, name, tag, pushed, { authorization: aws.authorization }));
const removeAtGoogle = async (name: string, tag: string): Promise<void> => {
  const answer = await request(new URL(`/v2/${eu.project}/${name}/manifests/${tag}`, eu.url), {
    method: "DELETE",
    headers: { authorization: `Bearer ${eu.accessToken}` },
  });
  await answer.body.dump();
  expect(answer.statusCode).toBe(202);
};

const inUs = (name: string, tag: string) => us.manifest(`${us.project}/${name}`, tag)?.digest;
const inEcr = (name: string, tag: string) => aws.registry.manifest(`mirror/${name}`, tag)?.digest;
/** What one push to `eu` becomes at both targets. */
const arrived = (name: string, tag: string, digest: string | undefined) =>
  expect.poll(() => [inUs(name, tag), inEcr(name, tag)], SOON).toEqual([digest, digest]);
const arrivedInUs = (name: string, tag: string, digest: string | undefined) =>
  expect.poll(() => inUs(name, tag), SOON).toBe(digest);
const deliveriesOf = async (query: string): Promise<ReadonlyArray<unknown>> => {
  const answer = await request(`${admin}/api/v1/deliveries?${query}`);
  return ((await answer.body.json()) as { readonly deliveries: ReadonlyArray<unknown> }).deliveries;
};

describe("Artifact Registry to Artifact Registry in another region", () => {
  it("a push: the repository is made, and the index arrives with its children", async () => {
    const top = multiPlatform({ seed: "regions" });
    expect(us.artifactRepositories()).toEqual([]);
    await pushToGoogle("images/team/app", "1.0", top);
    await arrived("images/team/app", "1.0", top.digest);
    expect(us.artifactRepositories()).toEqual(["images"]);
    expect(us.manifests(`${us.project}/images/team/app`).toSorted()).toEqual(
      manifestsOf(top)
        .map(({ digest }) => digest)
        .toSorted(),
    );
    expect(us.danglingReferences()).toEqual([]);
  });

  it("a large layer: each blob in one body, none in parts", async () => {
    const large = image({ seed: "large", layers: [LARGE_LAYER] });
    await pushToGoogle("images/team/large", "1.0", large);
    await arrived("images/team/large", "1.0", large.digest);
    expect(us.requests.count({ method: "PATCH" })).toBe(0);
  });

  it("a tag that moves, and one that is deleted: the deleted one alone goes", async () => {
    const [first, second] = [image({ seed: "first" }), image({ seed: "second" })];
    await pushToGoogle("images/team/moving", "latest", first);
    await pushToGoogle("images/team/moving", "1.0", first);
    await arrived("images/team/moving", "latest", first.digest);
    await arrived("images/team/moving", "1.0", first.digest);
    await pushToGoogle("images/team/moving", "latest", second);
    await arrived("images/team/moving", "latest", second.digest);
    await removeAtGoogle("images/team/moving", "1.0");
    await arrived("images/team/moving", "1.0", undefined);
    expect([inUs("images/team/moving", "latest"), inEcr("images/team/moving", "latest")]).toEqual([
      second.digest,
      second.digest,
    ]);
  });

  it("what the topic tells of the other region is taken, and is not of this registry", async () => {
    const image = "us-central1-docker.pkg.dev/acme-prod/images/other-region";
    const headers = { authorization: `Bearer ${issuer.token()}` };
    expect(await post(`${ingest}/eu`, envelope({ action: "INSERT", tag: `${image}:1.0` }), headers)).toBeLessThan(300);
    const witness = multiPlatform({ seed: "other region" });
    await pushToGoogle("images/team/witness", "region", witness);
    await arrived("images/team/witness", "region", witness.digest);
    expect(await deliveriesOf("repository=images/other-region")).toEqual([]);
  });

  it.each([
    ["without a token", () => undefined],
    ["with a token of another account", () => issuer.token({ email: "mallory@example.com" })],
    ["with a token for another audience", () => issuer.token({ aud: "https://elsewhere.example.com" })],
    ["with a token that ran out", () => issuer.token({ iat: 1_600_000_000, exp: 1_600_003_600 })],
    ["with a token that is signed by nobody", () => issuer.token().replace(/[^.]+$/, "AAAA")],
  ])("a push of Pub/Sub %s is refused", async (_, token) => {
    const image = "europe-west4-docker.pkg.dev/acme-prod/images/team/forged";
    const given = token();
    const headers: Record<string, string> = given === undefined ? {} : { authorization: `Bearer ${given}` };
    expect(await post(`${ingest}/eu`, envelope({ action: "INSERT", tag: `${image}:1.0` }), headers)).toBe(401);
    expect(await deliveriesOf("repository=images/team/forged")).toEqual([]);
  });
});

describe("Artifact Registry to ECR", () => {
  it("a push: the repository is made, and its children come before the index", async () => {
    const top = multiPlatform({ seed: "to ecr" });
    await pushToGoogle("images/team/aws", "1.0", top);
    await arrived("images/team/aws", "1.0", top.digest);
    expect(aws.calls()).toContain("CreateRepository");
    expect(aws.registry.repositories()).toContain("mirror/images/team/aws");
    expect(aws.registry.danglingReferences()).toEqual([]);
  });

  it("an immutable tag keeps what it has: the same digest again is no error, another is parked as a conflict", async () => {
    const [first, second] = [image({ seed: "fixed" }), image({ seed: "moved" })];
    await pushToGoogle("images/team/fixed", "fixed-1", first);
    await arrived("images/team/fixed", "fixed-1", first.digest);
    await pushToGoogle("images/team/fixed", "fixed-1", first);
    await pushToGoogle("images/team/fixed", "fixed-1", second);
    await arrivedInUs("images/team/fixed", "fixed-1", second.digest);
    await expect
      .poll(() => deliveriesOf("repository=mirror/images/team/fixed"), SOON)
      .toMatchObject([{ state: "parked", lastError: { reason: "conflict" } }]);
    expect(inEcr("images/team/fixed", "fixed-1")).toBe(first.digest);
  });
});

describe("ECR to Artifact Registry", () => {
  it("a push that EventBridge tells of", async () => {
    const top = multiPlatform({ seed: "from ecr" });
    await pushToEcr("from-aws/app", "1.0", top);
    await arrivedInUs("from-aws/app", "1.0", top.digest);
    expect(us.artifactRepositories()).toContain("from-aws");
    expect(us.danglingReferences()).toEqual([]);
  });

  it("a deletion, of one tag of two", async () => {
    const [old, kept] = [image({ seed: "old" }), image({ seed: "kept" })];
    await pushToEcr("from-aws/app", "0.1", old);
    await pushToEcr("from-aws/app", "0.2", kept);
    await arrivedInUs("from-aws/app", "0.1", old.digest);
    await arrivedInUs("from-aws/app", "0.2", kept.digest);
    await removeAtEcr(aws.registry.url, "from-aws/app", "0.1");
    await arrivedInUs("from-aws/app", "0.1", undefined);
    expect(inUs("from-aws/app", "0.2")).toBe(kept.digest);
  });

  it("an event without the secret, or with another, is refused; one of another account is none of ours", async () => {
    const event = (account: string): string =>
      JSON.stringify({
        id: "1",
        "detail-type": "ECR Image Action",
        source: "aws.ecr",
        account,
        region: aws.region,
        detail: { result: "SUCCESS", "action-type": "PUSH", "repository-name": "from-aws/forged", "image-tag": "1" },
      });
    expect(await post(`${ingest}/aws`, event(aws.account), {})).toBe(401);
    expect(await post(`${ingest}/aws`, event(aws.account), { authorization: `${SECRET}s` })).toBe(401);
    expect(await post(`${ingest}/aws`, event("999999999999"), { authorization: SECRET })).toBeLessThan(300);
    expect(await deliveriesOf("repository=from-aws/forged")).toEqual([]);
  });
});

it("nothing that was told was lost, and nothing that was logged has a secret in it", async () => {
  await Promise.all([topic.settled(), bus.settled()]);
  expect([...topic.lost(), ...bus.lost()]).toEqual([]);
  const log = up.said();
  expect(log).toContain("is up");
  for (const text of [SECRET, eu.accessToken, "ecr-password", aws.authorization.slice("Basic ".length)])
    expect(log).not.toContain(text);
});

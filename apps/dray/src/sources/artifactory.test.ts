import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type Ecr, startEcr } from "@drayage/ecr-adapter/testing";
import { image, pushImage, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drayHere, freePort, type Running } from "../dray.test-support.ts";
import { BASIC, bodyOf, deliver, signatureOf, startSource, USER, type Webhook } from "./artifactory.test-support.ts";

const SECRET = "the-secret-of-the-webhook";
const [DEV, PROD] = ["docker-dev-local", "docker-prod-local"];
/** A copy takes milliseconds; a busy machine takes its time. */
const SOON = { timeout: 60_000, interval: 50 };

/** For the default chain of AWS; the personality believes any. */
const AWS = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "the-secret-key-of-aws",
  AWS_EC2_METADATA_DISABLED: "true",
};

const cleaners: Array<() => Promise<void>> = [];
const heardElsewhere: Array<{ readonly url: string | undefined; readonly headers: IncomingHttpHeaders }> = [];
let source: StrictRegistry;
let first: StrictRegistry;
let second: StrictRegistry;
let cloud: Ecr;
let up: Running;
let ingest: string;
let elsewhere: URL;

/** One `dray up` for all: Artifactory to two plain registries and to ECR, deletions included. */
beforeAll(async () => {
  const scope = await Effect.runPromise(Scope.make());
  cleaners.push(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  const starting = Effect.all([startSource([DEV, PROD]), startStrictRegistry(), startStrictRegistry(), startEcr()]);
  [source, first, second, cloud] = await Effect.runPromise(Scope.provide(starting, scope));
  const other = createServer((incoming, response) => {
    heardElsewhere.push({ url: incoming.url, headers: incoming.headers });
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  cleaners.push(() => new Promise((resolve) => void other.close(() => resolve())));
  elsewhere = new URL(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  const [port, admin] = [await freePort(), await freePort()];
  ingest = `http://127.0.0.1:${port}/notifications/art`;
  const dray = await drayHere({ "drayage.yaml": configuration(port, admin) }, (clean) => void cleaners.push(clean));
  up = await dray.start(["up"], /drayage \S+ is up/, { env: AWS });
});
afterAll(async () => {
  for (const clean of cleaners.reverse()) await clean();
});

const configuration = (port: number, admin: number): string => `version: 1
dataDir: ./data
http: { ingest: { port: ${port} }, admin: { port: ${admin} } }
reconcile: { changed: "off", full: "off" }
registries:
  art:
    type: artifactory
    url: ${source.url.origin}
    auth: { username: ${USER.name}, password: ${USER.password} }
    notifications: { secret: ${SECRET}, scheme: hmac-sha256 }
  shared:
    type: artifactory
    url: ${source.url.origin}
    auth: { username: ${USER.name}, password: ${USER.password} }
    notifications: { secret: ${SECRET} }
  first: { type: oci, url: ${first.url.origin} }
  second: { type: oci, url: ${second.url.origin} }
  cloud:
    type: ecr
    account: "${cloud.account}"
    region: ${cloud.region}
    url: ${cloud.registry.url.origin}
    api: ${cloud.registry.url.origin}
routes:
  - name: all
    from: art
    to:
      - { registry: first, repository: "{repositoryKey}/{image}" }
      - { registry: second, repository: "{repositoryKey}/{image}" }
      - { registry: cloud, repository: "{repositoryKey}/{image}" }
    deletes: { mode: mirror, confirmAfter: 1s }
`;

/** Pushed at the source, told by nobody yet. */
const push = async (key: string, name: string, tag: string, seed: string): Promise<Webhook> => {
  const pushed = image({ seed });
  await Effect.runPromise(pushImage(source.url, `${key}/${name}`, tag, pushed, { authorization: BASIC }));
  return { event: "pushed", key, image: name, tag, digest: pushed.digest };
};
const tell = (webhook: Webhook): Promise<number> => {
  const body = bodyOf(webhook);
  return deliver(ingest, body, signatureOf(SECRET, body));
};
const held = (repository: string, tag: string) =>
  [first, second, cloud.registry].map((target) => target.manifest(repository, tag)?.digest);
const arrived = (repository: string, tag: string, digest: string | undefined) =>
  expect.poll(() => held(repository, tag), SOON).toEqual([digest, digest, digest]);

describe("what happens at Artifactory reaches plain targets and ECR", () => {
  it("a push", async () => {
    const web = await push(DEV, "team/web", "1.0", "web");
    expect(await tell(web)).toBe(202);
    await arrived(`${DEV}/team/web`, "1.0", web.digest);
  });

  it("a promotion that copies: the new place is there, and the old one stays", async () => {
    const web = await push(DEV, "team/copied", "2.0", "copied");
    await tell(web);
    await arrived(`${DEV}/team/copied`, "2.0", web.digest);
    await push(PROD, "team/copied", "stable", "copied");
    expect(await tell({ ...web, event: "promoted", to: { key: PROD, tag: "stable" } })).toBe(202);
    await arrived(`${PROD}/team/copied`, "stable", web.digest);
    expect(held(`${DEV}/team/copied`, "2.0")).toEqual([web.digest, web.digest, web.digest]);
  });

  it("a promotion that moves: the new place is there, and the old one goes", async () => {
    const web = await push(DEV, "team/moved", "3.0", "moved");
    // A witness: without it the whole repository would be gone, and that waits for a person.
    const kept = await push(DEV, "team/moved", "2.9", "kept");
    await Promise.all([web, kept].map(tell));
    await arrived(`${DEV}/team/moved`, "3.0", web.digest);
    await arrived(`${DEV}/team/moved`, "2.9", kept.digest);
    await push(PROD, "team/moved", "3.0", "moved");
    source.deleteTag(`${DEV}/team/moved`, "3.0");
    expect(await tell({ ...web, event: "promoted", to: { key: PROD, tag: "3.0" } })).toBe(202);
    await arrived(`${PROD}/team/moved`, "3.0", web.digest);
    await arrived(`${DEV}/team/moved`, "3.0", undefined);
    expect(held(`${DEV}/team/moved`, "2.9")).toEqual([kept.digest, kept.digest, kept.digest]);
  });

  it("a deletion", async () => {
    const old = await push(DEV, "team/cleaned", "0.1", "old");
    const kept = await push(DEV, "team/cleaned", "0.2", "new");
    await Promise.all([old, kept].map(tell));
    await arrived(`${DEV}/team/cleaned`, "0.1", old.digest);
    await arrived(`${DEV}/team/cleaned`, "0.2", kept.digest);
    source.deleteTag(`${DEV}/team/cleaned`, "0.1");
    expect(await tell({ ...old, event: "deleted" })).toBe(202);
    await arrived(`${DEV}/team/cleaned`, "0.1", undefined);
    expect(held(`${DEV}/team/cleaned`, "0.2")).toEqual([kept.digest, kept.digest, kept.digest]);
  });

  it("a deletion that is told and did not happen deletes nothing", async () => {
    const web = await push(DEV, "team/lied-about", "1.0", "lied");
    await tell(web);
    await arrived(`${DEV}/team/lied-about`, "1.0", web.digest);
    expect(await tell({ ...web, event: "deleted" })).toBe(202);
    const later = await push(DEV, "team/lied-about", "1.1", "later");
    await tell(later);
    await arrived(`${DEV}/team/lied-about`, "1.1", later.digest);
    expect(held(`${DEV}/team/lied-about`, "1.0")).toEqual([web.digest, web.digest, web.digest]);
  });
});

describe("who cannot prove to be Artifactory is refused, and nothing of it is done", () => {
  it.each([
    ["without a signature", () => undefined],
    ["with the secret instead of a signature", () => SECRET],
    ["with the signature of another secret", (body: string) => signatureOf("another-secret", body)],
    ["with the signature of another body", (body: string) => signatureOf(SECRET, `${body} `)],
    ["with a signature in upper case and a prefix", (body: string) => `sha256=${signatureOf(SECRET, body)}`],
  ])("%s: 401", async (name, proof) => {
    const repository = `team/${name.replaceAll(" ", "-")}`;
    const body = bodyOf(await push(DEV, repository, "1.0", name));
    expect(await deliver(ingest, body, proof(body))).toBe(401);
    const witness = await push(DEV, "team/witness", name.replaceAll(" ", "-"), name);
    await tell(witness);
    await arrived(`${DEV}/team/witness`, witness.tag, witness.digest);
    expect(held(`${DEV}/${repository}`, "1.0")).toEqual([undefined, undefined, undefined]);
    expect(source.requests.count({ method: "GET", path: new RegExp(`${repository}/`) })).toBe(0);
  });

  it.each([
    [SECRET, 202],
    [`${SECRET}r`, 401],
    [SECRET.slice(0, -1), 401],
    ["another-secret", 401],
    [undefined, 401],
  ])("a secret that is sent as it is: %s is answered with %i", async (given, status) => {
    const body = bodyOf(await push(DEV, "team/shared", "1.0", "shared"));
    expect(await deliver(ingest.replace("/art", "/shared"), body, given)).toBe(status);
  });

  it("a body that names another host is pulled from the configured one, and the other hears nothing", async () => {
    const web = await push(DEV, "team/elsewhere", "1.0", "elsewhere");
    expect(await tell({ ...web, origin: elsewhere.origin })).toBe(202);
    await arrived(`${DEV}/team/elsewhere`, "1.0", web.digest);
    expect(heardElsewhere).toEqual([]);
  });

  it.each([
    ["the key", (web: Webhook): Webhook => ({ ...web, key: elsewhere.host })],
    ["the key, with its scheme", (web: Webhook): Webhook => ({ ...web, key: elsewhere.origin })],
    ["the image", (web: Webhook): Webhook => ({ ...web, image: `../../${elsewhere.host}/web` })],
  ])("a host in %s is no name of ours: nothing is asked there", async (_, change) => {
    const web = await push(DEV, "team/hostile", "1.0", "hostile");
    expect(await tell(change(web))).toBeLessThan(500);
    const witness = await push(DEV, "team/witness", "after", `after ${_}`);
    await tell(witness);
    await arrived(`${DEV}/team/witness`, "after", witness.digest);
    expect(heardElsewhere).toEqual([]);
  });

  it("blobs that are redirected to another host are asked for there without credentials", async () => {
    const web = await push(DEV, "team/redirected", "1.0", "redirected");
    source.faults.add({
      match: { method: "GET", path: /team\/redirected\/blobs\//, times: Number.POSITIVE_INFINITY },
      action: { kind: "redirect", to: `${elsewhere.origin}/stolen` },
    });
    await tell(web);
    await expect.poll(() => heardElsewhere.length, SOON).toBeGreaterThan(0);
    source.faults.clear();
    for (const { headers } of heardElsewhere) {
      expect(headers.authorization).toBeUndefined();
      expect(JSON.stringify(headers)).not.toContain(USER.password);
    }
    expect(held(`${DEV}/team/redirected`, "1.0")).toEqual([undefined, undefined, undefined]);
  });

  it("nothing that was logged has a secret, a password or a signature in it", () => {
    const log = up.said();
    expect(log).toContain("is up");
    expect(log).toMatch(/bad-secret|secret or signature/);
    for (const text of [
      SECRET,
      USER.password,
      BASIC.slice("Basic ".length),
      "another-secret",
      AWS.AWS_SECRET_ACCESS_KEY,
    ])
      expect(log).not.toContain(text);
  });
});

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import { expect, it } from "vitest";
import { apiBaseOf } from "./access.ts";
import { artifactoryAdapter } from "./adapter.ts";

const PASSWORD = "t0ken";
const OPTIONS = { secrets: { scheme: "shared-secret", secrets: [] } } as const;
const AUTHORIZATION = `Basic ${Buffer.from(`sync:${PASSWORD}`).toString("base64")}`;

/** A platform host that answers these paths (with query) to whoever has the password, and records what it was asked. */
const platform = async (answers: Readonly<Record<string, { status?: number; body: unknown; link?: string }>>) => {
  const asked: Array<string> = [];
  const server = createServer((request: IncomingMessage, response) => {
    asked.push(request.url ?? "");
    const answer = answers[request.url ?? ""];
    if (request.headers.authorization !== AUTHORIZATION)
      response.writeHead(401).end('{"errors":[{"status":401,"message":"Bad Credentials"}]}');
    else if (answer === undefined) response.writeHead(404).end("404 page not found");
    else {
      response.writeHead(answer.status ?? 200, answer.link === undefined ? {} : { link: answer.link });
      response.end(JSON.stringify(answer.body));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    url,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()),
  };
};

const settings = (url: URL, ...passwords: ReadonlyArray<string>) => ({
  name: "art",
  url,
  auth: passwords.map((password) => ({ _tag: "Basic", username: "sync", password: Redacted.make(password) }) as const),
  traits: {},
});

const repositories = (url: URL, ...passwords: ReadonlyArray<string>) =>
  Effect.runPromise(
    artifactoryAdapter.connect(settings(url, ...passwords), OPTIONS).pipe(
      Effect.flatMap((registry) => Stream.runCollect(registry.repositories())),
      Effect.scoped,
      Effect.result,
    ),
  );

const KEYS = [
  { key: "docker-local", type: "LOCAL", packageType: "Docker" },
  { key: "helm-oci", type: "FEDERATED", packageType: "HelmOCI" },
  { key: "docker", type: "VIRTUAL", packageType: "Docker" },
  { key: "hub", type: "REMOTE", packageType: "Docker" },
  { key: "maven", type: "LOCAL", packageType: "Maven" },
  { key: "Upper", type: "LOCAL", packageType: "Docker" },
];

it("lists what local and federated keys hold, each through its own catalogue, with the key in front", async () => {
  await using art = await platform({
    "/artifactory/api/repositories": { body: KEYS },
    "/artifactory/api/docker/docker-local/v2/_catalog?n=1000": {
      body: { repositories: ["team-a/web", "b"] },
      link: '</v2/_catalog?last=b&n=1000>; rel="next"',
    },
    "/artifactory/api/docker/docker-local/v2/_catalog?last=b&n=1000": { body: { repositories: ["c", "Not Valid"] } },
    "/artifactory/api/helmoci/helm-oci/v2/_catalog?n=1000": { body: { repositories: ["charts/x"] } },
  });
  const found = await repositories(art.url, "old-password", PASSWORD);
  expect(found).toMatchObject({
    _tag: "Success",
    success: [["docker-local/team-a/web", "docker-local/b"], ["docker-local/c"], ["helm-oci/charts/x"]],
  });
});

it("says so when keys or a catalogue cannot be had, without the password", async () => {
  await using art = await platform({ "/artifactory/api/repositories": { body: KEYS } });
  for (const [result, reason] of [
    [await repositories(art.url, "wrong"), "unauthorized"],
    [await repositories(art.url), "unauthorized"],
    [await repositories(art.url, PASSWORD), "unsupported"],
    [await repositories(new URL("/other", art.url), PASSWORD), "not-found"],
  ] as const) {
    expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "RegistryError", registry: "art", reason } });
    expect(JSON.stringify(result)).not.toMatch(/t0ken|wrong"/);
  }
});

it("an answer that is no list, or no JSON, is an error and never an empty catalogue", async () => {
  await using art = await platform({ "/artifactory/api/repositories": { body: { errors: [] } } });
  expect(await repositories(art.url, PASSWORD)).toMatchObject({ failure: { reason: "invalid-response" } });
  await using refusing = await platform({ "/artifactory/api/repositories": { status: 403, body: "no" } });
  expect(await repositories(refusing.url, PASSWORD)).toMatchObject({ failure: { reason: "denied" } });
});

it("pages through tags although the link lacks the repository key (RTFACT-18971)", async () => {
  await using art = await platform({
    "/v2/": { body: {} },
    "/v2/docker-local/web/tags/list?n=1000": {
      body: { name: "web", tags: ["1", "2"] },
      link: '</v2/web/tags/list?last=2&n=1000>; rel="next"',
    },
    "/v2/docker-local/web/tags/list?last=2&n=1000": { body: { name: "web", tags: ["3"] } },
  });
  const repository = parseRepositoryName("docker-local/web");
  if (repository === undefined) throw new Error("a test needs a name");
  const tags = await Effect.runPromise(
    artifactoryAdapter.connect(settings(new URL("/artifactory", art.url), PASSWORD), OPTIONS).pipe(
      Effect.flatMap((registry) => Stream.runCollect(registry.tags(repository))),
      Effect.scoped,
    ),
  );
  expect(tags.flat()).toEqual(["1", "2", "3"].map((tag) => parseTag(tag)));
});

it.each([
  ["https://acme.jfrog.io", "https://acme.jfrog.io/artifactory"],
  ["https://acme.jfrog.io/", "https://acme.jfrog.io/artifactory"],
  ["https://art.acme.com/artifactory/", "https://art.acme.com/artifactory"],
  ["https://acme.com/tools/art", "https://acme.com/tools/art"],
])("the REST API of %s is at %s", (url, base) => expect(apiBaseOf(new URL(url), undefined).href).toBe(base));

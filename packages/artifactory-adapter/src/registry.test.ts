import { connectRegistry, makeCopier, type Registry, type RegistryAuth } from "@drayage/oci-core";
import { image, multiPlatform, pushImage, signatureFor } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { basicOf, connectTo, digest, namedHost, repo, tag } from "./connect.test-support.ts";
import { type Artifactory, type ArtifactoryPersonality, startArtifactory } from "./testing/index.ts";

const LOCAL = { kind: "local" } as const;
const app = repo("docker-local/team/app");
const top = multiPlatform({ seed: "artifactory" });
const signature = signatureFor(top);

const push = (artifactory: Artifactory, name: string, reference: string | undefined, fixture = top) =>
  pushImage(artifactory.registry.url, name, reference, fixture, { authorization: artifactory.authorization });

/** One that has `docker-local/team/app:1.0`. */
const filled = (personality: ArtifactoryPersonality = {}) =>
  Effect.tap(startArtifactory(personality), (artifactory) => push(artifactory, app, "1.0"));

const copy = (from: Registry, to: Registry, target = app, name = "1.0") =>
  Effect.flatMap(makeCopier(), (copier) =>
    copier.copy({
      source: { registry: from, repository: app, reference: tag("1.0") },
      target: { registry: to, repository: target, tag: tag(name) },
      depth: "tag",
      referrers: "all",
    }),
  );
const listed = (registry: Registry, repository = app) =>
  Effect.map(Stream.runCollect(registry.powers.list?.(repository) ?? Stream.die("no list")), (pages) => pages.flat());

describe("credentials", () => {
  it.live.each<readonly [string, (artifactory: Artifactory) => RegistryAuth]>([
    ["a password", basicOf],
    [
      "an access token as password",
      ({ user, accessToken }) => ({ _tag: "Basic", username: user.name, password: Redacted.make(accessToken) }),
    ],
    ["an access token", ({ accessToken }) => ({ _tag: "Bearer", token: Redacted.make(accessToken) })],
    ["a legacy API key", ({ apiKey }) => ({ _tag: "Header", header: "x-jfrog-art-api", key: Redacted.make(apiKey) })],
  ])("%s opens the registry and the API", ([, auth]) =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      const registry = yield* connectTo(artifactory, {}, { auth: [auth(artifactory)] });
      expect(yield* registry.resolve(app, tag("1.0"))).toMatchObject({ digest: top.digest });
      expect(yield* listed(registry)).toEqual([{ tag: "1.0", digest: top.digest }]);
    }).pipe(Effect.scoped),
  );

  it.live("the second of two passwords is taken when the first is no longer one", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      const old = { _tag: "Basic", username: artifactory.user.name, password: Redacted.make("old") } as const;
      const registry = yield* connectTo(artifactory, {}, { auth: [old, basicOf(artifactory)] });
      expect(yield* registry.resolve(app, tag("1.0"))).toMatchObject({ digest: top.digest });
      expect(yield* listed(registry)).toHaveLength(1);
    }).pipe(Effect.scoped),
  );

  it.live("a wrong password is said, and never shown", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      const wrong = { _tag: "Basic", username: "sync", password: Redacted.make("guessed-wrong") } as const;
      const registry = yield* connectTo(artifactory, {}, { auth: [wrong] });
      const error = yield* Effect.flip(registry.resolve(app, tag("1.0")));
      expect(error).toMatchObject({ reason: "unauthorized", registry: "art" });
      expect(JSON.stringify(error) + error.message).not.toContain("guessed-wrong");
    }).pipe(Effect.scoped),
  );
});

describe("what is there", () => {
  it.live("tags with their digests in one search, whatever kind of manifest, children left out", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      const single = image({ seed: "single" });
      yield* push(artifactory, app, "2.0", single);
      yield* push(artifactory, "docker-local/team/app/below", "9", single);
      const registry = yield* connectTo(artifactory);
      yield* registry.resolve(app, tag("1.0"));
      artifactory.registry.requests.reset();
      expect(yield* listed(registry)).toEqual([
        { tag: "1.0", digest: top.digest },
        { tag: "2.0", digest: single.digest },
      ]);
      expect(artifactory.registry.requests.list().map(({ method, path }) => `${method} ${path.split("?")[0]}`)).toEqual(
        ["POST /artifactory/api/search/aql", `GET /v2/${app}/tags/list`],
      );
    }).pipe(Effect.scoped),
  );

  it.live("of a thousand and more tags none is lost between pages", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      for (let n = 0; n < 2300; n += 1) artifactory.registry.putTag(app, `t${n}`, top.digest);
      const tags = yield* listed(yield* connectTo(artifactory));
      expect(new Set(tags.map((one) => one.tag)).size).toBe(2301);
      expect(tags.every((one) => one.digest === top.digest)).toBe(true);
    }).pipe(Effect.scoped),
  );

  it.live("without leave to search the registry's own list serves, without digests", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ search: false });
      expect(yield* listed(yield* connectTo(artifactory))).toEqual([{ tag: "1.0" }]);
    }).pipe(Effect.scoped),
  );

  it.live("a search that was cut is an error, and never the end of a list", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ searchRowsMax: 2 });
      for (const name of ["2.0", "3.0"]) artifactory.registry.putTag(app, name, top.digest);
      const error = yield* Effect.flip(listed(yield* connectTo(artifactory)));
      expect(error).toMatchObject({ reason: "too-large" });
      expect(error.message).toContain("trimmed");
    }).pipe(Effect.scoped),
  );

  it.live("a search that is refused for its load is asked again", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      artifactory.registry.faults.add({
        match: { path: /search\/aql/ },
        action: { kind: "status", status: 429, retryAfter: 1 },
      });
      expect(yield* listed(yield* connectTo(artifactory))).toEqual([{ tag: "1.0", digest: top.digest }]);
    }).pipe(Effect.scoped),
  );

  it.live("a tag that we may not see is absent in every list, but not when it is asked for", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ hidden: /team\/app\/secret/ });
      artifactory.registry.putTag(app, "secret", top.digest);
      const registry = yield* connectTo(artifactory);
      expect(yield* listed(registry)).toEqual([{ tag: "1.0", digest: top.digest }]);
      // So an absence is never believed from a list alone.
      expect(yield* Effect.flip(registry.resolve(app, tag("secret")))).toMatchObject({ reason: "denied" });
    }).pipe(Effect.scoped),
  );

  it.live("repositories of all keys, and of declared virtual and remote ones", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory({
        keys: {
          "docker-local": LOCAL,
          charts: { kind: "federated", packageType: "helmoci" },
          hub: { kind: "remote" },
          docker: { kind: "virtual", members: ["docker-local", "hub"] },
        },
      });
      yield* push(artifactory, app, "1.0");
      artifactory.registry.putManifest("charts/app", "1", image({ seed: "chart" }));
      artifactory.registry.putManifest("hub-cache/library/redis", "7", image({ seed: "redis" }));
      const repositories = (registry: Registry) =>
        Effect.map(Stream.runCollect(registry.repositories()), (pages) => pages.flat().sort());
      expect(yield* repositories(yield* connectTo(artifactory))).toEqual(["charts/app", app]);
      const declared = {
        hub: { _tag: "Remote" },
        docker: { _tag: "Virtual", members: ["docker-local", "hub"] },
      } as const;
      const registry = yield* connectTo(artifactory, { repositories: declared });
      expect(yield* repositories(registry)).toEqual(
        ["charts/app", "docker/library/redis", "docker/team/app", app, "hub/library/redis"].sort(),
      );
      expect(yield* registry.resolve(repo("docker/library/redis"), tag("7"))).toBeDefined();
    }).pipe(Effect.scoped),
  );
});

describe("what an absence means", () => {
  const keys = {
    "docker-local": LOCAL,
    other: LOCAL,
    hub: { kind: "remote" },
    safe: { kind: "virtual", members: ["docker-local", "other"] },
    mixed: { kind: "virtual", members: ["docker-local", "hub"] },
  } as const;
  it.live.each<readonly [string, string]>([
    ["docker-local/app", "Deleted"],
    ["hub/library/redis", "Unknown"],
    ["safe/app", "Deleted"],
    ["mixed/app", "Unknown"],
    ["missing/app", "Unknown"],
  ])("%s: %s", ([name, meaning]) =>
    Effect.gen(function* () {
      const registry = yield* connectTo(yield* startArtifactory({ keys }));
      expect(yield* registry.powers.absence?.(repo(name)) ?? Effect.void).toMatchObject({ _tag: meaning });
    }).pipe(Effect.scoped),
  );
});

describe("a virtual key", () => {
  const keys = (byTimestamp: boolean) =>
    ({ first: LOCAL, second: LOCAL, docker: { kind: "virtual", members: ["first", "second"], byTimestamp } }) as const;
  it.live.each<readonly [boolean, string]>([
    [false, "the first member counts"],
    [true, "the newest counts"],
  ])("byTimestamp %s: %s", ([byTimestamp]) =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory({ keys: keys(byTimestamp) });
      const [older, newer] = [image({ seed: "older" }), image({ seed: "newer" })];
      yield* push(artifactory, "first/app", "1", older);
      yield* Effect.sleep(5);
      yield* push(artifactory, "second/app", "1", newer);
      const registry = yield* connectTo(artifactory, {
        repositories: { docker: { _tag: "Virtual", members: ["first", "second"] } },
      });
      const wanted = byTimestamp ? newer.digest : older.digest;
      expect(yield* registry.resolve(repo("docker/app"), tag("1"))).toMatchObject({ digest: wanted });
      // A list by search does not claim to know which member answers.
      expect(yield* listed(registry, repo("docker/app"))).toEqual([{ tag: "1" }]);
    }).pipe(Effect.scoped),
  );
});

describe("promotion by its own API", () => {
  const PAIR = { "docker-local": LOCAL, prod: LOCAL } as const;
  const promote = (mode: "copy" | "move", from: string | undefined, to: string | undefined) =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ keys: PAIR });
      artifactory.registry.putTag(app, "2.0", top.digest);
      const registry = yield* connectTo(artifactory);
      const named = (name: string | undefined) => (name === undefined ? undefined : tag(name));
      const target = repo("prod/team/app");
      const result = yield* Effect.result(
        registry.powers.promote?.({
          from: { repository: app, tag: named(from) },
          to: { repository: target, tag: named(to) },
          mode,
        }) ?? Effect.die("no promotion"),
      );
      const tags = (name: string) => artifactory.registry.tags(name);
      return { result, source: tags(app), target: tags(target), dangling: artifactory.registry.danglingReferences() };
    });

  it.live.each<
    readonly [
      string,
      "copy" | "move",
      string | undefined,
      string | undefined,
      ReadonlyArray<string>,
      ReadonlyArray<string>,
    ]
  >([
    ["copies", "copy", "1.0", undefined, ["1.0", "2.0"], ["1.0"]],
    ["moves", "move", "1.0", undefined, ["2.0"], ["1.0"]],
    ["gives another tag", "copy", "1.0", "stable", ["1.0", "2.0"], ["stable"]],
    ["takes a whole image", "copy", undefined, undefined, ["1.0", "2.0"], ["1.0", "2.0"]],
  ])("%s", ([, mode, from, to, source, target]) =>
    Effect.gen(function* () {
      const found = yield* promote(mode, from, to);
      expect(found).toMatchObject({ result: { _tag: "Success" }, source, target, dangling: [] });
    }).pipe(Effect.scoped),
  );

  it.live("a whole image to one tag, and a tag that is not there, are refused", () =>
    Effect.gen(function* () {
      expect((yield* promote("copy", undefined, "stable")).result).toMatchObject({
        failure: { reason: "invalid-request" },
      });
      expect((yield* promote("copy", "9.9", undefined)).result).toMatchObject({ _tag: "Failure" });
    }).pipe(Effect.scoped),
  );
});

describe("searching", () => {
  it.live("finds every place of a digest, and the indexes above a manifest", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled();
      const child = JSON.parse(Buffer.from(top.bytes).toString()).manifests[0].digest as string;
      artifactory.registry.putTag(app, "amd64", child);
      const { powers } = yield* connectTo(artifactory);
      expect(yield* powers.find?.(digest(top.digest)) ?? Effect.void).toEqual([{ repository: app, tag: "1.0" }]);
      expect(yield* powers.parents?.(app, digest(child)) ?? Effect.void).toEqual([top.digest]);
      expect(yield* powers.parents?.(app, digest(top.digest)) ?? Effect.void).toEqual([]);
    }).pipe(Effect.scoped),
  );
});

describe("deleting a tag", () => {
  it.live.each([true, false])("leaves every other one, version that takes tags: %s", (current) =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ tagDeletion: current });
      artifactory.registry.putTag(app, "same", top.digest);
      const registry = yield* connectTo(artifactory, {}, { traits: { tagDelete: "tag" } });
      expect(yield* registry.deleteManifest(app, tag("1.0"))).toBe(true);
      expect(artifactory.registry.tags(app)).toEqual(["same"]);
      expect(yield* registry.deleteManifest(app, tag("1.0"))).toBe(false);
    }).pipe(Effect.scoped),
  );

  it.live("an old version, where the tag's folder is an image too: refused, and nothing is lost", () =>
    Effect.gen(function* () {
      const artifactory = yield* filled({ tagDeletion: false });
      yield* push(artifactory, `${app}/1.0/nested`, "1");
      const registry = yield* connectTo(artifactory, {}, { traits: { tagDelete: "tag" } });
      expect(yield* Effect.flip(registry.deleteManifest(app, tag("1.0")))).toMatchObject({ reason: "unsupported" });
      expect(artifactory.registry.tags(`${app}/1.0/nested`)).toEqual(["1"]);
      expect(artifactory.registry.tags(app)).toEqual(["1.0"]);
    }).pipe(Effect.scoped),
  );
});

describe("Artifactory as a target", () => {
  it.live("between two sites: everything arrives with its signature, blobs by PATCH as docker sends them", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* filled(), yield* startArtifactory()];
      yield* push(here, app, undefined, signature);
      const [from, to] = [yield* connectTo(here), yield* connectTo(there)];
      expect(yield* copy(from, to)).toMatchObject({ action: "copied", digest: top.digest });
      expect(there.registry.manifest(app, "1.0")?.digest).toBe(top.digest);
      expect(there.registry.manifest(app, signature.digest)).toBeDefined();
      expect(there.registry.danglingReferences()).toEqual([]);
      expect(there.registry.requests.count({ method: "PATCH" })).toBeGreaterThan(0);
      expect(yield* copy(from, to)).toMatchObject({ action: "unchanged" });
    }).pipe(Effect.scoped),
  );

  it.live("a blob of another image of the key is found and not sent again", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* filled(), yield* startArtifactory()];
      const [from, to] = [yield* connectTo(here), yield* connectTo(there)];
      yield* copy(from, to);
      there.registry.requests.reset();
      yield* copy(from, to, repo("docker-local/other/app"), "2");
      expect(there.registry.requests.count({ method: "PATCH" })).toBe(0);
      expect(there.registry.manifest("docker-local/other/app", "2")?.digest).toBe(top.digest);
    }).pipe(Effect.scoped),
  );

  it.live("a remote key, and a virtual one that takes nothing, say so", () =>
    Effect.gen(function* () {
      const here = yield* filled();
      const there = yield* startArtifactory({
        keys: { hub: { kind: "remote" }, docker: { kind: "virtual", members: [] } },
      });
      const [from, to] = [yield* connectTo(here), yield* connectTo(there)];
      for (const key of ["hub", "docker"]) {
        const error = yield* Effect.flip(copy(from, to, repo(`${key}/app`)));
        expect(error).toMatchObject({ side: "target", reason: "invalid-request" });
        expect(error.message).toContain(`Pushing to ${key} is not possible`);
      }
    }).pipe(Effect.scoped),
  );

  it.live("a key without an address by subdomain is refused before anything is sent", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory({ keys: { under_score: LOCAL } });
      const registry = yield* connectTo(artifactory, { access: "subdomain" }, namedHost(artifactory, "art.test"));
      const error = yield* Effect.flip(registry.resolve(repo("under_score/app"), tag("1")));
      expect(error.message).toContain("cannot be part of a host name");
      expect(artifactory.registry.requests.list()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("a blob that is redirected goes to the storage host without credentials", () =>
    Effect.gen(function* () {
      const here = yield* filled({ redirectBlobs: true });
      const to = yield* Effect.flatMap(startArtifactory(), (there) => connectTo(there));
      expect(yield* copy(yield* connectTo(here), to)).toMatchObject({ action: "copied" });
      expect(here.registry.requests.list().filter(({ path }) => path.startsWith("/storage/")).length).toBeGreaterThan(
        0,
      );
    }).pipe(Effect.scoped),
  );
});

it.live("a plain client by the direct form works as well: the personality is no friend of one client", () =>
  Effect.gen(function* () {
    const artifactory = yield* filled();
    const registry = yield* connectRegistry({
      name: "plain",
      url: new URL("/artifactory/api/docker/docker-local", artifactory.registry.url),
      auth: [basicOf(artifactory)],
      traits: {},
    });
    expect(yield* registry.resolve(repo("team/app"), tag("1.0"))).toMatchObject({ digest: top.digest });
  }).pipe(Effect.scoped),
);

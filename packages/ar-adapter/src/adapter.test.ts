import type { Registry, RegistryError } from "@drayage/oci-core";
import { digestOf, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { describe, expect, it } from "vitest";
import { connectTo } from "./connect.test-support.ts";
import {
  type ArtifactRegistryServer,
  type ArtifactRegistryServerOptions,
  startArtifactRegistry,
} from "./testing/index.ts";

const name = (text: string) => {
  const parsed = parseRepositoryName(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const tag = (text: string) => {
  const parsed = parseTag(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const APP = name("images/team/app");
const V1 = tag("v1");

const on = <A>(
  options: ArtifactRegistryServerOptions,
  body: (server: ArtifactRegistryServer) => Effect.Effect<A, RegistryError, Scope.Scope>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(startArtifactRegistry(options), body)));

const push = (server: ArtifactRegistryServer, repository: string, name: string | undefined, seed: number) =>
  pushImage(server.url.href, `${server.project}/${repository}`, name, multiPlatform({ seed: String(seed) }), {
    authorization: `Bearer ${server.accessToken}`,
  }).pipe(Effect.orDie);
const listed = (registry: Registry, repository = APP) =>
  Effect.map(Stream.runCollect(registry.powers.list?.(repository) ?? Stream.empty), (pages) => [...pages].flat());
const errorOf = <A>(effect: Effect.Effect<A, RegistryError>) =>
  Effect.match(effect, { onFailure: (error) => error, onSuccess: () => undefined });
const reasonOf = <A>(effect: Effect.Effect<A, RegistryError>) => Effect.map(errorOf(effect), (error) => error?.reason);

const putBlob = (registry: Registry, repository = APP) =>
  Effect.gen(function* () {
    const bytes = Buffer.from("some bytes");
    const start = yield* registry.startUpload(repository);
    if (start._tag === "Mounted") throw new Error("mounted");
    const descriptor = { digest: digestOf(bytes), size: bytes.byteLength, mediaType: "application/octet-stream" };
    yield* registry.upload(repository, start.location, descriptor, bytes);
    return start.location;
  });

describe("Artifact Registry", () => {
  it("is listed by its API with digests, one scan for all images of a repository", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        yield* push(server, "images/other", "v2", 2);
        const registry = yield* connectTo(server);
        const held = server.manifest(`${server.project}/images/team/app`, "v1");
        expect(yield* listed(registry)).toEqual([{ tag: "v1", digest: held?.digest }]);
        expect(yield* listed(registry, name("images/other"))).toHaveLength(1);
        expect(server.requests.count({ path: /dockerImages/ })).toBe(1);
        const pages = yield* Stream.runCollect(registry.repositories());
        expect([...pages].flat().sort()).toEqual(["images/other", "images/team/app"]);
      }),
    ));

  it("is listed by tags/list where its API is not allowed", () =>
    on({ rest: false }, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        const registry = yield* connectTo(server);
        const held = server.manifest(`${server.project}/images/team/app`, "v1");
        expect(yield* listed(registry)).toEqual([{ tag: "v1", digest: held?.digest }]);
      }),
    ));

  it("takes a blob in one body on a path of its own", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server);
        const location = yield* putBlob(registry);
        expect(location.pathname).toMatch(/^\/artifacts-uploads\//);
        expect(server.requests.count({ method: "PATCH" })).toBe(0);
      }),
    ));

  it("loses its tags before the digest that they point to", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        yield* push(server, "images/team/app", "v2", 1);
        const registry = yield* connectTo(server);
        const held = yield* registry.manifest(APP, V1);
        expect(yield* registry.deleteManifest(APP, held.digest)).toBe(true);
        expect(server.tags(`${server.project}/images/team/app`)).toEqual([]);
        expect(server.manifests(`${server.project}/images/team/app`)).not.toContain(held.digest);
      }),
    ));

  it("keeps a child while its index is there, and tells which index that is", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        const registry = yield* connectTo(server);
        const held = yield* registry.manifest(APP, V1);
        if (held._tag !== "Index") throw new Error("no index");
        const [child] = held.manifests;
        if (child === undefined) throw new Error("no child");
        expect(yield* reasonOf(registry.deleteManifest(APP, child.digest))).toBe("conflict");
        expect(yield* registry.powers.parents?.(APP, child.digest) ?? Effect.succeed([])).toEqual([held.digest]);
      }),
    ));

  it("says conflict for an immutable tag, and success where it holds the same", () =>
    on({ immutableTags: true }, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        yield* push(server, "images/team/app", "v2", 2);
        const registry = yield* connectTo(server);
        const [first, second] = [yield* registry.manifest(APP, V1), yield* registry.manifest(APP, tag("v2"))];
        yield* registry.putManifest(APP, V1, first);
        expect(yield* reasonOf(registry.putManifest(APP, V1, second))).toBe("conflict");
        expect(yield* reasonOf(registry.deleteManifest(APP, V1))).toBe("conflict");
      }),
    ));

  it("accepts an equal digest also where the registry itself refuses it", () =>
    on({ immutableTags: true }, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        const { immutable } = server.rules();
        server.configure({ immutable: immutable && { ...immutable, sameDigest: "refused" } });
        const registry = yield* connectTo(server);
        yield* registry.putManifest(APP, V1, yield* registry.manifest(APP, V1));
      }),
    ));

  it("has a missing repository made, once, by however many pushes at the same time", () =>
    on({ repositories: [] }, (server) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server, { createRepositories: {} });
        expect(yield* registry.resolve(APP, V1)).toBeUndefined();
        expect(yield* registry.hasBlob(APP, digestOf(Buffer.from("some bytes")))).toBe(false);
        yield* Effect.all([putBlob(registry), putBlob(registry, name("images/other")), putBlob(registry)], {
          concurrency: "unbounded",
        });
        expect(server.artifactRepositories()).toEqual(["images"]);
        expect(yield* registry.powers.createRepository?.(APP) ?? Effect.succeed(true)).toBe(false);
      }),
    ));

  it("refuses a push into a missing repository that nobody may make", () =>
    on({ repositories: [] }, (server) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server);
        expect(yield* reasonOf(registry.resolve(APP, V1))).toBe("denied");
        expect(yield* reasonOf(putBlob(registry))).toBe("denied");
      }),
    ));

  it("refuses a wrong token, and keeps it out of the error", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server, { token: "ya29.wrong" });
        const error = yield* errorOf(registry.manifest(APP, V1));
        expect(error?.reason).toBe("unauthorized");
        expect(JSON.stringify(error) + String(error?.message)).not.toContain("ya29.wrong");
      }),
    ));

  it("tells of pushes and deletions as its topic does", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        const registry = yield* connectTo(server);
        yield* registry.deleteManifest(APP, V1);
        const image = "europe-west4-docker.pkg.dev/acme-prod/images/team/app";
        const messages = server.messages();
        expect(messages.filter(({ tag: told }) => told === undefined)).toHaveLength(messages.length - 2);
        expect(messages.at(-1)).toEqual({ action: "DELETE", tag: `${image}:v1` });
        expect(messages.at(-2)).toMatchObject({ action: "INSERT", tag: `${image}:v1` });
      }),
    ));

  it("lists all tags of an image that has more than tags/list gives at once, by its API", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        const image = yield* pushMany(server);
        const registry = yield* connectTo(server);
        const tags = yield* Stream.runCollect(registry.tags(APP));
        expect([...tags].flat()).toHaveLength(MANY + 1);
        expect(server.requests.count({ path: /dockerImages/ })).toBe(1);
        expect(image).toBeDefined();
      }),
    ));

  it("says that a list may be cut where its API is not allowed, rather than leave tags out", () =>
    on({ rest: false }, (server) =>
      Effect.gen(function* () {
        yield* pushMany(server);
        const registry = yield* connectTo(server);
        const error = yield* errorOf(Stream.runDrain(registry.tags(APP)));
        expect(error?.reason).toBe("too-large");
        expect(error?.message).toContain("roles/artifactregistry.reader");
        expect(yield* errorOf(listed(registry))).toMatchObject({ reason: "too-large" });
      }),
    ));

  it("says of a missing image that it lists nothing, in both ways", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server);
        expect(yield* reasonOf(Stream.runDrain(registry.tags(APP)))).toBe("repository-unknown");
        expect(yield* reasonOf(listed(registry))).toBe("repository-unknown");
      }),
    ));

  it("a 429 of its API is an error of the listing, and the images are not asked one by one instead", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        yield* push(server, "images/team/app", "v1", 1);
        const registry = yield* connectTo(server);
        server.faults.add({
          match: { path: /dockerImages/, times: Number.POSITIVE_INFINITY },
          action: { kind: "status", status: 429 },
        });
        server.requests.reset();
        expect(yield* reasonOf(listed(registry))).toBe("rate-limited");
        expect(server.requests.count({ path: /tags\/list/ })).toBe(0);
      }),
    ));

  it("a 429 of its API holds up whatever shares the quota of its project and region", () =>
    on({}, (server) =>
      Effect.gen(function* () {
        const [registry, beside] = [yield* connectTo(server), yield* connectTo(server)];
        server.faults.add({
          match: { path: /dockerImages/, times: Number.POSITIVE_INFINITY },
          action: { kind: "status", status: 429, retryAfter: 1 },
        });
        expect(yield* reasonOf(listed(registry))).toBe("rate-limited");
        const since = performance.now();
        yield* beside.resolve(APP, V1);
        // What is left of the second that was asked for: at least most of it.
        expect(performance.now() - since).toBeGreaterThan(500);
      }),
    ));
});

/** More than one tags/list gives. */
const MANY = 10_001;
const pushMany = (server: ArtifactRegistryServer) =>
  Effect.map(push(server, "images/team/app", "v1", 1), () => {
    const repository = `${server.project}/images/team/app`;
    const digest = server.manifest(repository, "v1")?.digest ?? "";
    for (let n = 0; n < MANY; n++) server.putTag(repository, `t${n}`, digest);
    return digest;
  });

describe("Container Registry, as Artifact Registry serves it", () => {
  it.each(["gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"])("%s has names without a repository", (gcr) =>
    on({ gcr }, (server) =>
      Effect.gen(function* () {
        yield* push(server, "team/app", "v1", 1);
        const registry = yield* connectTo(server, { host: gcr });
        const app = name("team/app");
        const held = yield* registry.manifest(app, V1);
        expect(yield* listed(registry, app)).toEqual([{ tag: "v1", digest: held.digest }]);
        expect([...(yield* Stream.runCollect(registry.repositories()))].flat()).toEqual(["team/app"]);
        yield* registry.putManifest(app, tag("v2"), held);
        expect(server.messages().at(-1)).toMatchObject({ tag: `${gcr}/acme-prod/team/app:v2` });
        expect(yield* registry.powers.parents?.(app, held.digest) ?? Effect.succeed([])).toEqual([]);
        expect(yield* registry.deleteManifest(app, V1)).toBe(true);
        expect(server.tags("acme-prod/team/app")).toEqual(["v2"]);
      }),
    ),
  );
});

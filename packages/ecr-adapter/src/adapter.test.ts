import { connectRegistry, makeCopier, type Registry } from "@drayage/oci-core";
import { image, multiPlatform, pushImage, signatureFor, startStrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { openEcrApi } from "./api.ts";
import { connected, optionsFor, repo, settingsFor, tag, withAwsCredentials } from "./ecr.test-support.ts";
import { removeAll } from "./remove.ts";

withAwsCredentials();
const app = repo("team/app");
const top = multiPlatform({ seed: "ecr" });
const signature = signatureFor(top);

const source = Effect.gen(function* () {
  const server = yield* startStrictRegistry({});
  yield* pushImage(server.url, "team/app", "1", top);
  yield* pushImage(server.url, "team/app", undefined, signature);
  const registry = yield* connectRegistry({ name: "source", url: server.url, auth: [], traits: { referrers: "api" } });
  return { server, registry };
});
const copy = (from: Registry, to: Registry, name = "1") =>
  Effect.flatMap(makeCopier(), (copier) =>
    copier.copy({
      source: { registry: from, repository: app, reference: tag("1") },
      target: { registry: to, repository: app, tag: tag(name) },
      depth: "tag",
      referrers: "all",
    }),
  );

describe("ECR as a target", () => {
  it.live(
    "a repository that does not exist is made as configured, once, and the image arrives with its signature",
    () =>
      Effect.gen(function* () {
        const from = yield* source;
        const { ecr, registry } = yield* connected();
        expect(yield* copy(from.registry, registry)).toMatchObject({ action: "copied", digest: top.digest });
        expect(ecr.registry.manifest("team/app", "1")?.digest).toBe(top.digest);
        expect(ecr.registry.manifest("team/app", signature.digest)).toBeDefined();
        expect(ecr.calls().filter((call) => call === "GetAuthorizationToken")).toHaveLength(1);
        expect(yield* registry.powers.createRepository?.(app) ?? Effect.succeed(true)).toBe(false);
      }).pipe(Effect.scoped),
  );

  it.live("a repository is looked for before the first write into it, once by however many writes", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected();
      yield* Effect.forEach(Array.from({ length: 5 }), () => registry.startUpload(app), { concurrency: "unbounded" });
      yield* registry.startUpload(app);
      const calls = ecr.calls().filter((call) => /Repositor/.test(call));
      expect(calls).toEqual(["DescribeRepositories", "CreateRepository"]);
      // None of them met a repository that is missing.
      expect(ecr.registry.requests.count({ method: "POST", path: /blobs\/uploads/ })).toBe(6);
    }).pipe(Effect.scoped),
  );

  it.live.each(["AccessDeniedException", "ThrottlingException"] as const)(
    "where it may not be looked for (%s), the write says that it is missing, and it is made",
    (refusal) =>
      Effect.gen(function* () {
        const { ecr, registry } = yield* connected();
        ecr.failNext("DescribeRepositories", refusal);
        expect((yield* registry.startUpload(app))._tag).toBe("Opened");
        expect(ecr.registry.repositories()).toEqual(["team/app"]);
      }).pipe(Effect.scoped),
  );

  it.live("without leave to make repositories it says which one is missing", () =>
    Effect.gen(function* () {
      const from = yield* source;
      const { registry } = yield* connected({}, { createRepositories: false });
      const error = yield* Effect.flip(copy(from.registry, registry));
      expect(error).toMatchObject({ side: "target", reason: "repository-unknown" });
    }).pipe(Effect.scoped),
  );

  it.live("an immutable tag with the same digest is a success, with another a conflict", () =>
    Effect.gen(function* () {
      const from = yield* source;
      const { ecr, registry } = yield* connected({ immutableTags: /^\d/ });
      yield* copy(from.registry, registry);
      expect(yield* registry.putManifest(app, tag("1"), top)).toMatchObject({ named: true });
      expect(yield* copy(from.registry, registry)).toMatchObject({ action: "unchanged" });
      yield* pushImage(from.server.url, "team/app", "1", image({ seed: "other" }));
      expect(yield* Effect.flip(copy(from.registry, registry))).toMatchObject({ reason: "conflict", side: "target" });
      expect(ecr.registry.manifest("team/app", "1")?.digest).toBe(top.digest);
    }).pipe(Effect.scoped),
  );

  it.live("many manifests keep to the ten PutImage a second that AWS allows", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected({ createOnPush: true, putImagePerSecond: 12 });
      yield* pushImage(ecr.registry.url, "team/app", undefined, top, { authorization: ecr.authorization });
      ecr.registry.requests.reset();
      yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => tag(`t${n}`)),
        (name) => registry.putManifest(app, name, top),
        { concurrency: "unbounded" },
      );
      expect(ecr.registry.tags("team/app")).toHaveLength(30);
    }).pipe(Effect.scoped),
  );
});

describe("ECR as a source", () => {
  it.live("lists all tags with their digests, archived ones too, and leaves untagged manifests out", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected({ createOnPush: true });
      const { authorization } = ecr;
      yield* pushImage(ecr.registry.url, "team/app", "1", top, { authorization });
      const other = image({ seed: "other" });
      for (const name of ["2", "latest"])
        yield* pushImage(ecr.registry.url, "team/app", name, other, { authorization });
      ecr.archive("team/app", other.digest);
      const listed = yield* Stream.runCollect(registry.powers.list?.(app) ?? Stream.empty);
      expect(listed.flat().toSorted((a, b) => (a.tag < b.tag ? -1 : 1))).toEqual([
        { tag: "1", digest: top.digest },
        { tag: "2", digest: other.digest },
        { tag: "latest", digest: other.digest },
      ]);
      const gone = yield* Effect.flip(Stream.runDrain(registry.powers.list?.(repo("no/where")) ?? Stream.empty));
      expect(gone).toMatchObject({ reason: "repository-unknown", code: "RepositoryNotFoundException" });
    }).pipe(Effect.scoped),
  );
});

describe("what the AWS API refuses", () => {
  it.live("without the right to list images the tags are listed without digests", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected({ createOnPush: true });
      yield* pushImage(ecr.registry.url, "team/app", "1", top, { authorization: ecr.authorization });
      ecr.failNext("DescribeImages", "AccessDeniedException");
      const listed = yield* Stream.runCollect(registry.powers.list?.(app) ?? Stream.empty);
      expect(listed.flat()).toEqual([{ tag: "1" }]);
    }).pipe(Effect.scoped),
  );

  it.live("a lifecycle policy that failed is set before the next push, and not once more after that", () =>
    Effect.gen(function* () {
      const lifecyclePolicy = '{"rules":[]}';
      const createRepositories = { immutableTags: false, scanOnPush: false, tags: {}, lifecyclePolicy };
      const { ecr, registry } = yield* connected({}, { createRepositories });
      ecr.failNext("PutLifecyclePolicy", "AccessDeniedException");
      expect(yield* Effect.flip(registry.startUpload(app))).toMatchObject({ reason: "denied" });
      expect(ecr.registry.repositories()).toEqual(["team/app"]);
      expect([...ecr.policies()]).toEqual([]);
      for (let n = 0; n < 2; n++) yield* registry.startUpload(app);
      expect([...ecr.policies()]).toEqual([["team/app", lifecyclePolicy]]);
      expect(ecr.calls().filter((call) => call === "PutLifecyclePolicy")).toHaveLength(2);
    }).pipe(Effect.scoped),
  );
});

describe("deletion", () => {
  it.live("one of two tags goes alone; an index goes before its children; what is not there is no error", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected({ createOnPush: true });
      const { authorization } = ecr;
      for (const name of ["1", "2"]) yield* pushImage(ecr.registry.url, "team/app", name, top, { authorization });
      const [child] = top.children;
      if (child === undefined) throw new Error("an index has children");
      expect(yield* registry.deleteManifest(app, tag("1"))).toBe(true);
      expect(ecr.registry.tags("team/app")).toEqual(["2"]);
      expect(yield* registry.deleteManifest(app, tag("1"))).toBe(false);
      const early = yield* Effect.flip(registry.deleteManifest(app, child.digest));
      expect(early).toMatchObject({ reason: "conflict", code: "ImageReferencedByManifestList" });
      expect(yield* registry.deleteManifest(app, tag("2"))).toBe(true);
      expect(yield* registry.deleteManifest(app, child.digest)).toBe(true);
    }).pipe(Effect.scoped),
  );

  it.live("hundreds go in batches of a hundred", () =>
    Effect.gen(function* () {
      const { ecr } = yield* connected({ createOnPush: true });
      const { authorization } = ecr;
      yield* pushImage(ecr.registry.url, "team/app", "keep", image({ seed: "keep" }), { authorization });
      const held = image({ seed: "many" });
      yield* pushImage(ecr.registry.url, "team/app", undefined, held, { authorization });
      const names = Array.from({ length: 250 }, (_, n) => tag(`t${n}`));
      for (const name of names) ecr.registry.putTag("team/app", name, held.digest);
      const api = yield* openEcrApi(settingsFor(ecr), optionsFor(ecr));
      expect(yield* removeAll(api, "ecr", app, [...names, tag("never")])).toEqual({ absent: 1 });
      expect(ecr.registry.tags("team/app")).toEqual(["keep"]);
      expect(ecr.calls().filter((call) => call === "BatchDeleteImage")).toHaveLength(3);
    }).pipe(Effect.scoped),
  );
});

describe("credentials", () => {
  it.live(
    "a token that ends soon is renewed before, and a renewal that fails does no harm while the old one holds",
    () =>
      Effect.gen(function* () {
        const { ecr, registry } = yield* connected({ createOnPush: true, tokenSeconds: 0 });
        yield* pushImage(ecr.registry.url, "team/app", "1", top, { authorization: ecr.authorization });
        for (let n = 0; n < 3; n++) yield* registry.resolve(app, tag("1"));
        // Emulators give tokens whose time is past: they are used all the same, and not asked for each time.
        expect(ecr.calls()).toEqual(["GetAuthorizationToken"]);
      }).pipe(Effect.scoped),
  );

  it.live("errors of AWS name the call, the exception and the request", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected();
      ecr.failNext("GetAuthorizationToken", "AccessDeniedException", 403);
      expect(yield* Effect.flip(registry.resolve(app, tag("1")))).toMatchObject({
        operation: "GetAuthorizationToken",
        reason: "denied",
        code: "AccessDeniedException",
        requestId: expect.any(String),
      });
    }).pipe(Effect.scoped),
  );
});

import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { cosignArtefactFor, image, index, multiPlatform, pushImage, signatureFor } from "../testing/index.ts";
import { repo, tagOf } from "./memory-registry.test-support.ts";
import { app, expectEqual, MIB, one, startBoth } from "./strict-sides.test-support.ts";

describe("through the client, between strict registries", () => {
  it.live.each([
    [
      "oci, nested",
      index({ children: [multiPlatform({ seed: "in", layers: [3000, 70_000] }), image({ seed: "side" })] }),
    ],
    ["docker list", multiPlatform({ seed: "docker", format: "docker", layers: [2000] })],
    ["mixed", index({ children: [image({ seed: "d", format: "docker" }), image({ seed: "o" })] })],
    ["empty index", index({ children: [] })],
  ] as const)("every byte is the same: %s", ([, fixture]) =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({
        source: { redirectBlobs: true },
        target: { locations: "relative" },
      });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const result = yield* copier.copy(request());
      expect(result).toMatchObject({ digest: fixture.digest, action: "copied" });
      expectEqual(target.server, fixture);
      expect(target.server.tags("team/app")).toEqual(["1"]);
      expect(target.server.danglingReferences()).toEqual([]);
      expect(target.server.openUploads()).toBe(0);
    }).pipe(Effect.scoped),
  );

  it.live("counts its requests: few for a small image, one HEAD on each side for nothing", () =>
    Effect.gen(function* () {
      const { source, target, copier, request, forget } = yield* startBoth();
      yield* pushImage(source.server.url, "team/app", "1", image({ seed: "a", layers: [1000, 2000] }));
      forget();
      yield* copier.copy(request({ referrers: "none", known: { held: null } }));
      const kinds = (side: typeof source) =>
        side.server.requests.list().map(({ method, route }) => `${method} ${route}`);
      expect(kinds(source).sort()).toEqual(["GET blob", "GET blob", "GET blob", "GET manifest"]);
      expect(kinds(target).sort()).toEqual(
        [
          "HEAD blob",
          ...["POST start-upload", "POST start-upload", "POST start-upload"],
          ...["PUT upload", "PUT upload", "PUT upload"],
          "PUT manifest",
          "HEAD manifest",
        ].sort(),
      );
      forget();
      const again = yield* copier.copy(request());
      expect(again.action).toBe("unchanged");
      expect([kinds(source), kinds(target)]).toEqual([["HEAD manifest"], ["HEAD manifest"]]);
    }).pipe(Effect.scoped),
  );

  it.live("a blob that breaks on its way is resumed with Range and sent once", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = image({ seed: "big", layers: [9 * MIB] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const layer = fixture.blobs.find((blob) => blob.size === 9 * MIB);
      const path = new RegExp(`/blobs/${layer?.digest}`);
      const fault = source.server.faults.add({
        match: { method: "GET", path, times: 2 },
        action: { kind: "resetMidBody", afterBytes: 3 * MIB },
      });
      yield* copier.copy(request());
      expect(fault.applied()).toBe(2);
      expect(source.server.requests.list({ method: "GET", path }).map(({ status }) => status)).toEqual([200, 206, 206]);
      expect(target.server.requests.count({ method: "PUT", route: "upload" })).toBe(2);
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );

  it.live.each([
    ["put", 5 * MIB],
    ["patch", 5 * MIB],
    ["put", 3000],
  ] as const)("wrong bytes are never committed (%s, %i bytes)", ([upload, size]) =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({ target: { traits: { upload } } });
      const fixture = image({ seed: "flip", layers: [size] });
      const wrong = fixture.blobs.find((blob) => blob.size === size)?.digest;
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const fault = source.server.faults.add({
        match: { method: "GET", path: new RegExp(`/blobs/${wrong}`), times: Number.POSITIVE_INFINITY },
        action: { kind: "wrongBytes" },
      });
      const failure = yield* Effect.flip(copier.copy(request()));
      expect(failure).toMatchObject({ side: "source", reason: "digest-mismatch", retryable: true });
      expect(target.server.blobs("team/app")).not.toContain(wrong);
      expect(target.server.tags("team/app")).toEqual([]);
      yield* target.server.drain;
      expect(target.server.openUploads()).toBe(0);
      fault.remove();
      yield* copier.copy(request());
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );

  it.live("an upload that breaks is begun again, and one whose answer is lost is found in place", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = image({ seed: "up", layers: [6 * MIB] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const layer = fixture.blobs.find((blob) => blob.size === 6 * MIB)?.digest;
      const match = { method: "PUT", path: new RegExp(`uploads/.*${layer}`) };
      target.server.faults.add({ match, action: { kind: "resetUpload", afterBytes: MIB } });
      target.server.faults.add({ match: { ...match, nth: 2 }, action: { kind: "reset", when: "after" } });
      const result = yield* copier.copy(request());
      expect(result.blobs.copied).toBe(2);
      expect(target.server.faults.applied()).toBe(2);
      expect(target.server.requests.count({ method: "PUT", path: match.path })).toBe(2);
      expectEqual(target.server, fixture);
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("a tag that moves while its image is copied gives one image, never a mixture", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const first = multiPlatform({ seed: "first", layers: [5 * MIB] });
      const second = multiPlatform({ seed: "second", layers: [2000] });
      yield* pushImage(source.server.url, "team/app", "1", first);
      yield* pushImage(source.server.url, "team/app", "2", second);
      let moved = false;
      const result = yield* copier.copy(
        request({
          onProgress: (progress) => {
            if (progress._tag !== "BlobBytes" || moved) return;
            moved = true;
            source.server.putTag("team/app", "1", second.digest);
          },
        }),
      );
      expect(moved).toBe(true);
      expect(result.digest).toBe(first.digest);
      expect(target.server.manifest("team/app", "1")?.digest).toBe(first.digest);
      expect((yield* copier.copy(request())).digest).toBe(second.digest);
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("twenty images that share a base send it once", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const names = Array.from({ length: 20 }, (_, n) => `team/app-${n}`);
      const fixtures = names.map((name) => image({ seed: name, layers: [5 * MIB, 2000], layerSeeds: ["base", name] }));
      for (const [n, name] of names.entries()) {
        const fixture = fixtures[n];
        if (fixture !== undefined) yield* pushImage(source.server.url, name, "1", fixture);
      }
      const results = yield* Effect.forEach(
        names,
        (name) =>
          copier.copy(
            request({
              source: { registry: source.client, repository: repo(name), reference: one },
              target: { registry: target.client, repository: repo(name), tag: one },
            }),
          ),
        { concurrency: 20 },
      );
      const base = fixtures[0]?.blobs.find((blob) => blob.size === 5 * MIB);
      const sent = target.server.requests.list({ method: "PUT", route: "upload", status: 201 });
      expect(sent.filter(({ path }) => decodeURIComponent(path).includes(String(base?.digest)))).toHaveLength(1);
      expect(results.reduce((sum, result) => sum + result.blobs.mounted, 0)).toBe(19);
      expect(target.server.danglingReferences()).toEqual([]);
      expect(target.server.openUploads()).toBe(0);
    }).pipe(Effect.scoped),
  );

  it.live("a copy within one registry mounts everything", () =>
    Effect.gen(function* () {
      const { source, copier, request } = yield* startBoth();
      const fixture = multiPlatform({ seed: "promoted", layers: [9 * MIB, 1000] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      source.server.requests.reset();
      const target = { registry: source.client, repository: repo("prod/app"), tag: one };
      const result = yield* copier.copy(request({ target }));
      expect(result.blobs).toMatchObject({ copied: 0, present: 0 });
      expect(source.server.requests.count({ method: "GET", route: "blob" })).toBe(0);
      expect(source.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("a new tag in its own repository is one PUT", () =>
    Effect.gen(function* () {
      const { source, copier, request } = yield* startBoth();
      const fixture = multiPlatform({ seed: "retagged" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      source.server.requests.reset();
      const target = { registry: source.client, repository: app, tag: tagOf("stable") };
      const result = yield* copier.copy(request({ target, referrers: "none" }));
      expect(result).toMatchObject({ action: "copied", digest: fixture.digest });
      const writes = source.server.requests.list().filter(({ method }) => method !== "GET" && method !== "HEAD");
      expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual(["PUT /v2/team/app/manifests/stable"]);
    }).pipe(Effect.scoped),
  );

  it.live.each(["api", "none"] as const)("referrers and cosign tags go with the image (referrers: %s)", (referrers) =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({ target: { referrers } });
      const fixture = multiPlatform({ seed: "signed" });
      const [child] = fixture.children;
      if (child === undefined) throw new Error("no child");
      const signatures = [signatureFor(fixture), signatureFor(child), signatureFor(fixture, { seed: "second" })];
      const tagged = cosignArtefactFor(fixture);
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      for (const signature of signatures) yield* pushImage(source.server.url, "team/app", undefined, signature);
      yield* pushImage(source.server.url, "team/app", tagged.tag, tagged.image);
      const order: Array<string> = [];
      target.server.onChange((change) => void order.push(JSON.stringify(change)));
      const result = yield* copier.copy(request());
      expect(result.referrers).toBe(4);
      expect(order.findLastIndex((change) => change.includes(`"1"`))).toBe(order.length - 1);
      const listed = yield* target.client.referrers(app, fixture.digest);
      expect(listed.map((entry) => entry.digest).sort()).toEqual([signatures[0]?.digest, signatures[2]?.digest].sort());
      expect(yield* target.client.referrers(app, child.digest)).toHaveLength(1);
      expect(target.server.manifest("team/app", tagged.tag)?.digest).toBe(tagged.image.digest);
      expect((yield* copier.copy(request({ depth: "referrers" }))).action).toBe("unchanged");
      expect((yield* copier.copy(request({ depth: "deep" }))).action).toBe("unchanged");
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("an index whose content is missing is filled by a deep copy", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = multiPlatform({ seed: "half" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      target.server.putManifest("team/app", "1", fixture);
      expect(target.server.danglingReferences()).not.toEqual([]);
      expect((yield* copier.copy(request())).action).toBe("unchanged");
      expect((yield* copier.copy(request({ depth: "deep" }))).action).toBe("copied");
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live(
    "tags that are unchanged are asked for without a look at their manifests at the source, never at the target",
    () =>
      Effect.gen(function* () {
        const { source, target, copier } = yield* startBoth();
        const tags = ["1", "2", "3", "4", "5"].map(tagOf);
        for (const tag of tags) yield* pushImage(source.server.url, "team/app", tag, image({ seed: tag }));
        const repository = app;
        const all = copier.copyRepository({
          source: { registry: source.client, repository },
          target: { registry: target.client, repository },
          depth: "tag",
          referrers: "none",
        });
        expect(yield* all).toMatchObject({ copied: 5, unchanged: 0, failed: 0 });
        const moved = image({ seed: "moved" });
        yield* pushImage(source.server.url, "team/app", "4", moved);
        for (const side of [source, target]) side.server.requests.reset();
        expect(yield* all).toMatchObject({ copied: 1, unchanged: 4, failed: 0 });
        expect(source.server.requests.count({ route: "manifest", status: 304 })).toBe(4);
        expect(target.server.requests.count({ status: 304 })).toBe(0);
        expect(target.server.manifest("team/app", "4")?.digest).toBe(moved.digest);

        // The target still has the tag, and lost what it names.
        target.server.deleteManifest("team/app", moved.digest);
        target.server.putTag("team/app", "4", moved.digest);
        expect(yield* all).toMatchObject({ copied: 1, unchanged: 4, failed: 0 });
        expect(target.server.danglingReferences()).toEqual([]);
      }).pipe(Effect.scoped),
  );

  it.live("an immutable tag that holds the digest is a success, another a conflict", () =>
    Effect.gen(function* () {
      const immutable = { tags: /^1$/, status: 400, code: "TAG_INVALID", sameDigest: "refused" } as const;
      const { source, target, copier, request } = yield* startBoth({
        target: { immutable: { ...immutable, code: "TAG_IMMUTABLE" } },
      });
      const fixture = image({ seed: "fixed" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      yield* copier.copy(request());
      // Asked for although it is there, as after an answer that was lost.
      expect((yield* copier.copy(request({ known: { held: null } }))).digest).toBe(fixture.digest);
      yield* pushImage(source.server.url, "team/app", "1", image({ seed: "changed" }));
      const failure = yield* Effect.flip(copier.copy(request()));
      expect(failure).toMatchObject({ side: "target", reason: "conflict", retryable: false });
      expect(target.server.manifest("team/app", "1")?.digest).toBe(fixture.digest);
    }).pipe(Effect.scoped),
  );
});

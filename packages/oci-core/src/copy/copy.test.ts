import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { image, index, multiPlatform } from "../testing/images.ts";
import { copyOnce, failureOf, limits, request, run, twoSides } from "./copying.test-support.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, repo, tagOf } from "./memory-registry.test-support.ts";

describe("a copy", () => {
  it("moves every byte of a nested index, the tag last", async () => {
    const inner = multiPlatform({ seed: "inner" });
    const docker = image({ seed: "docker", format: "docker" });
    const { source, target, fixture } = await twoSides(index({ children: [inner, docker, inner] }));
    const result = await copyOnce(request(source, target));
    expect(result).toMatchObject({ digest: fixture.digest, action: "copied", mediaType: fixture.mediaType });
    expect(target.repositoryOf("team/app").tags.get("1")).toBe(fixture.digest);
    expect(target.dangling()).toEqual([]);
    for (const digest of result.manifests) {
      expect(target.repositoryOf("team/app").manifests.get(digest)?.bytes).toEqual(
        source.repositoryOf("team/app").manifests.get(digest)?.bytes,
      );
    }
    expect(result.manifests).toHaveLength(5);
    const puts = target.calls.filter((call) => call.operation === "putManifest");
    expect(puts.at(-1)?.reference).toBe("1");
    expect(puts).toHaveLength(5);
    expect(source.count("manifest")).toBe(5);
  });

  it("that is not needed costs one HEAD on each side", async () => {
    const { source, target, fixture } = await twoSides();
    await target.fill("team/app", "1", fixture);
    const result = await copyOnce(request(source, target));
    expect(result).toMatchObject({ action: "unchanged", digest: fixture.digest, manifests: [fixture.digest] });
    expect([source.calls, target.calls].map((calls) => calls.map((call) => call.operation))).toEqual([
      ["resolve"],
      ["resolve"],
    ]);
  });

  it("asks nobody for what the caller knows", async () => {
    const { source, target } = await twoSides(image({ seed: "one" }));
    await copyOnce(request(source, target, { known: { held: null } }));
    expect(source.calls.map((call) => call.operation)).toEqual(["manifest", "blob", "blob"]);
    // probe, two uploads of POST and PUT, the tag, its confirmation
    expect(target.calls.map((call) => call.operation).sort()).toEqual(
      ["hasBlob", "startUpload", "startUpload", "upload", "upload", "putManifest", "resolve"].sort(),
    );
  });

  it("of a digest that was just copied costs the PUT of the tag", async () => {
    const { source, target } = await twoSides();
    const repository = repo("team/app");
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        const first = yield* copier.copy(request(source, target));
        target.calls.length = 0;
        source.calls.length = 0;
        const wanted = { digest: first.digest, mediaType: first.mediaType, size: 1 };
        const second = yield* copier.copy({
          ...request(source, target),
          target: { registry: target, repository, tag: tagOf("latest") },
          known: { wanted, held: null },
        });
        expect(second.manifests).toEqual(first.manifests);
        expect(second.blobs.present).toBe(first.blobs.copied);
      }),
    );
    expect(source.calls).toEqual([]);
    expect(target.calls.map((call) => call.operation)).toEqual(["putManifest", "resolve"]);
  });

  it("heals what a target lost since it was copied a minute ago", async () => {
    const { source, target } = await twoSides();
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target));
        const held = target.repositoryOf("team/app");
        held.manifests.clear();
        held.blobs.clear();
        held.tags.clear();
        const again = yield* copier.copy(request(source, target));
        expect(again.blobs.copied).toBeGreaterThan(0);
      }),
    );
    expect(target.dangling()).toEqual([]);
    expect(target.repositoryOf("team/app").tags.size).toBe(1);
  });

  it("stays with the digest it began with when the tag moves", async () => {
    const later = image({ seed: "later" });
    const fixture = multiPlatform({ seed: "first" });
    let moved = false;
    const source = makeMemoryRegistry({
      name: "source",
      before: (call) =>
        Effect.sync(() => {
          if (call.operation === "blob" && !moved) {
            moved = true;
            source.repositoryOf("team/app").tags.set("1", later.digest);
          }
        }),
    });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", fixture);
    await source.fill("team/app", undefined, later);
    const result = await copyOnce(request(source, target));
    expect(moved).toBe(true);
    expect(result.digest).toBe(fixture.digest);
    expect(target.dangling()).toEqual([]);
  });

  it("says source-moved when the old image was collected under it", async () => {
    const later = image({ seed: "later" });
    const fixture = multiPlatform({ seed: "first" });
    const source = makeMemoryRegistry({
      name: "source",
      before: (call) =>
        Effect.promise(async () => {
          if (call.operation !== "manifest") return;
          source.repositoryOf("team/app").manifests.clear();
          await source.fill("team/app", "1", later);
        }),
    });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", fixture);
    const failure = await failureOf(request(source, target));
    expect(failure).toMatchObject({ reason: "source-moved", side: "source", retryable: true });
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
  });

  it("fails with the source's own word where the tag is not there", async () => {
    const { source, target } = await twoSides();
    const failure = await failureOf(request(source, target, { tag: "none" }));
    expect(failure).toMatchObject({ _tag: "CopyError", side: "source", reason: "not-found", retryable: false });
  });

  it("puts an image by digest where no tag is wanted", async () => {
    const { source, target, fixture } = await twoSides();
    const wanted = { ...request(source, target), target: { registry: target, repository: repo("team/app") } };
    const result = await copyOnce(wanted);
    expect(result.action).toBe("copied");
    expect(target.repositoryOf("team/app").manifests.has(fixture.digest)).toBe(true);
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
    expect((await copyOnce(wanted)).action).toBe("unchanged");
  });

  it("leaves the tag alone when the gate closes", async () => {
    const { source, target } = await twoSides();
    const gate = (): Effect.Effect<void, "lease lost"> => Effect.fail("lease lost");
    const failure = await failureOf(request<"lease lost">(source, target, { beforeTag: gate }));
    expect(failure).toBe("lease lost");
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
  });

  it("leaves foreign layers where they are and skips nothing else", async () => {
    const { source, target } = await twoSides(image({ seed: "windows" }));
    const held = source.repositoryOf("team/app");
    const [manifest] = held.manifests.values();
    const text = new TextDecoder()
      .decode(manifest?.bytes)
      .replace("layer.v1.tar+gzip", "layer.nondistributable.v1.tar+gzip");
    const bytes = new TextEncoder().encode(text);
    const { digestOf } = await import("../model/digest.ts");
    const reference = digestOf(bytes);
    await run(
      source.putManifest(repo("team/app"), tagOf("1"), {
        bytes,
        digest: reference,
        mediaType: manifest?.mediaType ?? "",
      }),
    );
    const result = await copyOnce(request(source, target));
    expect(result.blobs).toEqual({ copied: 1, mounted: 0, present: 0 });
  });

  it("moves an entry of unknown type as a blob when it is no manifest", async () => {
    const { source, target } = await twoSides(image({ seed: "x" }));
    const held = source.repositoryOf("team/app");
    const [blob] = held.blobs.keys();
    const { parseDigest, digestOf } = await import("../model/digest.ts");
    const { indexBytes } = await import("./memory-registry.test-support.ts");
    const digest = parseDigest(blob ?? "");
    if (digest === undefined) throw new Error("no blob");
    const size = held.blobs.get(digest)?.byteLength ?? 0;
    const bytes = indexBytes([{ mediaType: "application/x-other", digest, size }]);
    await run(
      source.putManifest(repo("team/app"), tagOf("1"), {
        bytes,
        digest: digestOf(bytes),
        mediaType: "application/vnd.oci.image.index.v1+json",
      }),
    );
    await copyOnce(request(source, target));
    expect(target.repositoryOf("team/app").blobs.has(digest)).toBe(true);
    expect(target.dangling()).toEqual([]);
  });

  it("waits for a target that shows its tags late, and does not wait for ever", async () => {
    const { source, fixture } = await twoSides();
    let hidden = 3;
    const target = makeMemoryRegistry({ name: "target" });
    const late: MemoryRegistry = {
      ...target,
      resolve: (repository, reference) =>
        Effect.suspend(() => {
          const isPut = target.count("putManifest") > 2;
          if (isPut && hidden > 0) {
            hidden -= 1;
            return Effect.undefined;
          }
          return target.resolve(repository, reference);
        }),
    };
    expect((await copyOnce(request(source, late))).digest).toBe(fixture.digest);
    hidden = Number.POSITIVE_INFINITY;
    target.repositoryOf("team/app").tags.clear();
    const failure = await failureOf(request(source, late));
    expect(failure).toMatchObject({ side: "target", operation: "confirm tag", retryable: true });
  });
});

describe("a deep copy", () => {
  it("changes nothing where all is there, and says so", async () => {
    const { source, target, fixture } = await twoSides();
    await target.fill("team/app", "1", fixture);
    const result = await copyOnce(request(source, target, { depth: "deep" }));
    expect(result.action).toBe("unchanged");
    expect(result.blobs.present).toBe(6);
    expect(target.count("putManifest")).toBe(0);
  });

  it("fills an index whose children and blobs are missing, and leaves the tag", async () => {
    const { source, fixture } = await twoSides();
    const target = makeMemoryRegistry({ name: "target" });
    await target.fill("team/app", "1", fixture);
    const held = target.repositoryOf("team/app");
    const [child] = fixture.children;
    held.manifests.delete(child?.digest ?? "");
    held.blobs.clear();
    const result = await copyOnce(request(source, target, { depth: "deep" }));
    expect(result.action).toBe("copied");
    expect(target.dangling()).toEqual([]);
    expect(target.calls.filter((call) => call.operation === "putManifest").map((call) => call.reference)).toEqual([
      child?.digest,
    ]);
  });
});

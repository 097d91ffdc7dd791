import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as TestClock from "effect/testing/TestClock";
import { describe, expect, it } from "vitest";
import type { Tag } from "../model/brand.ts";
import { image, index, multiPlatform, signatureFor } from "../testing/images.ts";
import type { CopyRequest } from "./copier.ts";
import { CopyError } from "./errors.ts";
import { TRUST_MS } from "./limits.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, piecesOf, repo, tagOf } from "./memory-registry.test-support.ts";

/** Waits of a test are short; everything else is as in production. */
const limits = { backoffMs: 1, backoffMaxMs: 5 } as const;
const MIB = 1024 * 1024;

const request = <E = never>(
  source: MemoryRegistry,
  target: MemoryRegistry,
  more: Partial<CopyRequest<E>> & { repository?: string; tag?: string; to?: Tag | undefined } = {},
): CopyRequest<E> => {
  const repository = repo(more.repository ?? "team/app");
  const tag = tagOf(more.tag ?? "1");
  return {
    source: { registry: source, repository, reference: tag },
    target: { registry: target, repository, tag },
    depth: "tag",
    referrers: "none",
    ...more,
  };
};

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect);
const copyOnce = <E>(wanted: CopyRequest<E>) =>
  run(Effect.flatMap(makeCopier({ limits }), (copier) => copier.copy(wanted)));
const failureOf = <E>(wanted: CopyRequest<E>) =>
  run(Effect.flatMap(makeCopier({ limits }), (copier) => Effect.flip(copier.copy(wanted))));

const twoSides = async (fixture = multiPlatform({ seed: "app", layers: [2000, 3000] })) => {
  const source = makeMemoryRegistry({ name: "source" });
  const target = makeMemoryRegistry({ name: "target" });
  await source.fill("team/app", "1", fixture);
  return { source, target, fixture };
};

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

describe("what a target is asked", () => {
  const layers = [1000, 2000, 9 * MIB];
  const uploadsOf = async (held: boolean) => {
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({ name: "target" });
    const first = image({ seed: "v1", layers, layerSeeds: ["base", "mid", "v1"] });
    const second = image({ seed: "v2", layers, layerSeeds: ["base", "mid", "v2"] });
    await source.fill("team/app", "v2", second);
    if (held) await target.fill("team/app", "v1", first);
    const result = await copyOnce(request(source, target, { tag: "v2", known: { held: null } }));
    return { asked: target.count("hasBlob"), blobs: result.blobs };
  };

  it("is one blob where the repository is new, and the large ones", async () => {
    expect(await uploadsOf(false)).toEqual({ asked: 2, blobs: { copied: 4, mounted: 0, present: 0 } });
  });

  it("is every blob that we do not know of where the first was there", async () => {
    expect(await uploadsOf(true)).toEqual({ asked: 4, blobs: { copied: 2, mounted: 0, present: 2 } });
  });

  it("is asked again about what was there long ago", async () => {
    const { source, target } = await twoSides(image({ seed: "old" }));
    await source.fill("team/app", "2", image({ seed: "new", layerSeeds: ["old/0"] }));
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target));
        target.calls.length = 0;
        yield* TestClock.adjust(TRUST_MS);
        const result = yield* copier.copy(request(source, target, { tag: "2", known: { held: null } }));
        expect(result.blobs).toEqual({ copied: 1, mounted: 0, present: 1 });
        expect(target.count("hasBlob")).toBe(1);
      }).pipe(Effect.provide(TestClock.layer())),
    );
  });

  it("passes the gate before each PUT of the tag, and of nothing else", async () => {
    const { source, target } = await twoSides(image({ seed: "gate" }));
    let passed = 0;
    const liar: MemoryRegistry = {
      ...target,
      traits: { ...target.traits, presence: "head" },
      hasBlob: () => Effect.succeed(true),
    };
    const beforeTag = () =>
      Effect.sync(() => {
        passed += 1;
      });
    await copyOnce(request(source, liar, { beforeTag }));
    // Refused, refused again since the target says that it has everything, taken once everything was sent.
    expect(passed).toBe(3);
    expect(target.count("putManifest")).toBe(3);
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

describe("blobs", () => {
  it("that the target only claims to have are sent when it refuses the manifest", async () => {
    const { source, target, fixture } = await twoSides(image({ seed: "claimed", layers: [2000, 3000] }));
    const liar: MemoryRegistry = {
      ...target,
      traits: { ...target.traits, presence: "head" },
      hasBlob: () => Effect.succeed(true),
    };
    const result = await copyOnce(request(source, liar));
    expect(result.blobs.copied).toBe(3);
    expect(target.repositoryOf("team/app").tags.get("1")).toBe(fixture.digest);
    expect(target.dangling()).toEqual([]);
  });

  it("resume after a broken connection, without reading a byte twice", async () => {
    const fixture = image({ seed: "big", layers: [6 * MIB] });
    let breaks = 3;
    const source = makeMemoryRegistry({
      name: "source",
      onBody: (bytes) => (bytes.byteLength > MIB && breaks-- > 0 ? piecesOf(bytes, MIB) : undefined),
    });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", fixture);
    let bytes = 0;
    await copyOnce(
      request(source, target, {
        onProgress: (progress) => {
          if (progress._tag === "BlobBytes") bytes += progress.bytes;
        },
      }),
    );
    const reads = source.calls.filter((call) => call.operation === "blob" && (call.from ?? 0) > 0);
    expect(reads.map((call) => call.from)).toEqual([MIB, 2 * MIB, 3 * MIB]);
    expect(bytes).toBe(fixture.blobs.reduce((sum, blob) => sum + blob.size, 0));
    expect(target.count("startUpload")).toBe(2);
    expect(target.dangling()).toEqual([]);
  });

  it.each([2000, 6 * MIB])("with wrong bytes (%i) are never committed", async (size) => {
    const fixture = image({ seed: "flip", layers: [size] });
    const layer = fixture.blobs.find((blob) => blob.size === size);
    const source = makeMemoryRegistry({
      name: "source",
      onBody: (bytes, call) => {
        if (call.reference !== layer?.digest) return undefined;
        const wrong = Uint8Array.from(bytes);
        wrong[10] = (wrong[10] ?? 0) ^ 1;
        return piecesOf(wrong);
      },
    });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", fixture);
    const failure = await failureOf(request(source, target));
    expect(failure).toMatchObject({ side: "source", reason: "digest-mismatch", retryable: true });
    expect(target.repositoryOf("team/app").blobs.has(layer?.digest ?? "")).toBe(false);
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
    expect(target.openSessions()).toBe(0);
  });

  it("longer than promised are refused", async () => {
    const fixture = image({ seed: "long", layers: [5 * MIB] });
    const source = makeMemoryRegistry({
      name: "source",
      onBody: (bytes) => (bytes.byteLength > MIB ? piecesOf(Buffer.concat([bytes, Buffer.alloc(10)])) : undefined),
    });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", fixture);
    expect(await failureOf(request(source, target))).toMatchObject({ side: "source", reason: "digest-mismatch" });
  });

  it("shared by twenty images in twenty repositories are sent once and mounted", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({ name: "target", before: () => Effect.yieldNow });
    const names = Array.from({ length: 20 }, (_, n) => `team/app-${n}`);
    for (const [n, name] of names.entries()) {
      await source.fill(name, "1", image({ seed: `s${n}`, layers: [5 * MIB, 100], layerSeeds: ["base", `top-${n}`] }));
    }
    const results = await run(
      Effect.flatMap(makeCopier({ limits }), (copier) =>
        Effect.forEach(names, (repository) => copier.copy(request(source, target, { repository })), {
          concurrency: 20,
        }),
      ),
    );
    const [base] = image({ seed: "s0", layers: [5 * MIB, 100], layerSeeds: ["base", "top-0"] }).blobs.filter(
      (blob) => blob.size === 5 * MIB,
    );
    expect(target.calls.filter((call) => call.operation === "upload" && call.reference === base?.digest)).toHaveLength(
      1,
    );
    expect(results.reduce((sum, result) => sum + result.blobs.mounted, 0)).toBe(19);
    expect(target.dangling()).toEqual([]);
    expect(target.openSessions()).toBe(0);
  });

  it("shared by images of one repository are sent once, also where nothing is mounted", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({
      name: "target",
      mounts: false,
      traits: { presence: "head" },
      before: () => Effect.yieldNow,
    });
    const tags = Array.from({ length: 20 }, (_, n) => `v${n}`);
    for (const tag of tags)
      await source.fill("team/app", tag, image({ seed: tag, layers: [5000], layerSeeds: ["base"] }));
    await run(
      Effect.flatMap(makeCopier({ limits }), (copier) =>
        Effect.forEach(tags, (tag) => copier.copy(request(source, target, { tag })), { concurrency: 20 }),
      ),
    );
    // one base and twenty configurations
    expect(target.count("upload")).toBe(21);
  });

  it("whose mount is refused use the upload that the refusal opened", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({ name: "target", mounts: false });
    for (const name of ["team/a", "team/b"]) {
      await source.fill(name, "1", image({ seed: name, layers: [5000], layerSeeds: ["base"] }));
    }
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target, { repository: "team/a" }));
        yield* copier.copy(request(source, target, { repository: "team/b" }));
      }),
    );
    expect(target.count("mount", "team/b")).toBe(1);
    expect(target.count("startUpload", "team/b")).toBe(1);
    expect(target.openSessions()).toBe(0);
  });

  it("go on in the hands of another copy when the one that moved them is interrupted", async () => {
    const fixture = image({ seed: "a", layers: [5000] });
    const source = makeMemoryRegistry({ name: "source" });
    let first = true;
    const target = makeMemoryRegistry({
      name: "target",
      before: (call) => {
        if (call.operation !== "upload" || !first) return Effect.void;
        first = false;
        return Effect.never;
      },
    });
    await source.fill("team/app", "1", fixture);
    await source.fill("team/app", "2", fixture);
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits: { ...limits, smallBlobs: 1 } });
        const leader = yield* Effect.forkChild(copier.copy(request(source, target)), { startImmediately: true });
        while (target.count("upload") === 0) yield* Effect.sleep(1);
        const follower = yield* Effect.forkChild(copier.copy(request(source, target, { tag: "2" })), {
          startImmediately: true,
        });
        yield* Effect.sleep(5);
        yield* Fiber.interrupt(leader);
        expect(Exit.isSuccess(yield* Fiber.await(follower))).toBe(true);
      }),
    );
    expect(target.openSessions()).toBe(0);
    expect(target.repositoryOf("team/app").tags.get("2")).toBe(fixture.digest);
  });
});

describe("one failure at any request", () => {
  it.each(["network", "unavailable", "not-found", "denied", "content-missing"] as const)(
    "%s: the copy ends right, or with a typed error and no half image",
    async (reason) => {
      const fixture = multiPlatform({ seed: "faulty", layers: [2000, 5 * MIB], layerSeeds: ["small", "large"] });
      const signature = signatureFor(fixture);
      for (const side of ["source", "target"] as const) {
        for (let nth = 0; ; nth += 1) {
          let struck = false;
          const before = (on: string, error: () => ReturnType<MemoryRegistry["error"]>) => (_: unknown, at: number) => {
            if (on !== side || at !== nth) return Effect.void;
            struck = true;
            return Effect.fail(error());
          };
          const source: MemoryRegistry = makeMemoryRegistry({
            name: "source",
            before: before("source", () => source.error(reason)),
          });
          const target: MemoryRegistry = makeMemoryRegistry({
            name: "target",
            before: before("target", () => target.error(reason)),
          });
          await source.fill("team/app", "1", fixture);
          await source.fill("team/app", undefined, signature);
          const exit = await run(
            Effect.flatMap(makeCopier({ limits }), (copier) =>
              Effect.exit(copier.copy(request(source, target, { referrers: "all" }))),
            ),
          );
          expect(target.dangling()).toEqual([]);
          expect(target.openSessions()).toBe(0);
          if (Exit.isSuccess(exit)) {
            expect(target.repositoryOf("team/app").tags.get("1")).toBe(fixture.digest);
            expect(target.repositoryOf("team/app").manifests.has(signature.digest)).toBe(true);
          } else {
            const failure = exit.cause.reasons.map((one) => (one._tag === "Fail" ? one.error : one._tag));
            expect(failure[0]).toBeInstanceOf(CopyError);
          }
          if (!struck) break;
        }
      }
    },
  );
});

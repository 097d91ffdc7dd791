import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { describe, expect, it } from "vitest";
import { image } from "../testing/images.ts";
import { copyOnce, failureOf, limits, MIB, request, run, twoSides } from "./copying.test-support.ts";
import { WHOLE_BLOB_BYTES_MAX, WHOLE_BLOBS_BYTES_MAX } from "./limits.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, piecesOf } from "./memory-registry.test-support.ts";

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

  it("that a target lost are sent again alone, and the others only asked for", async () => {
    const { source, target, fixture } = await twoSides(image({ seed: "lost", layers: [2000, 3000, 4000, 5000] }));
    const [lost] = fixture.blobs.filter((blob) => blob.size === 3000);
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target));
        const held = target.repositoryOf("team/app");
        held.manifests.clear();
        held.tags.clear();
        held.blobs.delete(lost?.digest ?? "");
        target.calls.length = 0;
        yield* copier.copy(request(source, target));
      }),
    );
    const sent = target.calls.filter(({ operation }) => operation === "upload").map(({ reference }) => reference);
    expect(sent).toEqual([lost?.digest]);
    expect(target.count("putManifest")).toBe(2);
    expect(target.dangling()).toEqual([]);
  });

  it("that a target lost are sent again where it has no other word than an invalid manifest", async () => {
    const fixture = image({ seed: "invalid", layers: [2000, 3000] });
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({ name: "target", refusesAsInvalid: true });
    await source.fill("team/app", "1", fixture);
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target));
        const held = target.repositoryOf("team/app");
        held.manifests.clear();
        held.tags.clear();
        held.blobs.delete(fixture.blobs[1]?.digest ?? "");
        target.calls.length = 0;
        yield* copier.copy(request(source, target));
      }),
    );
    expect(target.count("upload")).toBe(1);
    expect(target.dangling()).toEqual([]);
  });

  it("held whole stay within one bound, however many copies there are", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    let held = 0;
    let most = 0;
    const target = makeMemoryRegistry({
      name: "target",
      mounts: false,
      traits: { presence: "head" },
      before: ({ operation }) => {
        if (operation !== "upload") return Effect.void;
        most = Math.max(most, ++held);
        return Effect.andThen(
          Effect.sleep(2),
          Effect.sync(() => {
            held -= 1;
          }),
        );
      },
    });
    const names = Array.from({ length: 30 }, (_, n) => `team/app-${n}`);
    const layers = [WHOLE_BLOB_BYTES_MAX, WHOLE_BLOB_BYTES_MAX, WHOLE_BLOB_BYTES_MAX];
    for (const name of names) await source.fill(name, "1", image({ seed: name, layers }));
    await run(
      Effect.flatMap(makeCopier({ limits }), (copier) =>
        Effect.forEach(names, (repository) => copier.copy(request(source, target, { repository })), {
          concurrency: names.length,
        }),
      ),
    );
    expect(target.dangling()).toEqual([]);
    // 64 layers, or configurations in the place of some.
    expect(most).toBeGreaterThan(40);
    expect(most).toBeLessThanOrEqual(WHOLE_BLOBS_BYTES_MAX / WHOLE_BLOB_BYTES_MAX + names.length);
    expect(target.count("upload")).toBe(120);
  });

  it("whose upload stands still are a failure of the target, not wrong bytes of the source", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    const target = makeMemoryRegistry({ name: "target" });
    await source.fill("team/app", "1", image({ seed: "still", layers: [6 * MIB] }));
    const still: MemoryRegistry = {
      ...target,
      upload: (repository, location, descriptor, body) =>
        body instanceof Uint8Array
          ? target.upload(repository, location, descriptor, body)
          : Effect.suspend(() => {
              body.destroy(target.error("stalled"));
              return Effect.fail(target.error("stalled"));
            }),
    };
    expect(await failureOf(request(source, still))).toMatchObject({ side: "target", reason: "stalled" });
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

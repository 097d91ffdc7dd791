import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { image, multiPlatform } from "../testing/images.ts";
import { makeBlobIndex } from "./blob-index.ts";
import type { Copier, CopyRequest } from "./copier.ts";
import { limits, MIB, request, run, twoSides } from "./copying.test-support.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, piecesOf, repo, tagOf } from "./memory-registry.test-support.ts";
import { makeSpool } from "./spool.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drayage-spool-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const withSpool = <A, E>(bytesMax: number, use: (copier: Copier) => Effect.Effect<A, E>): Promise<A> =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const spool = yield* makeSpool({ folder, bytesMax });
        return yield* use(yield* makeCopier({ limits, spool }));
      }),
    ),
  );

const many = (source: MemoryRegistry, targets: ReadonlyArray<MemoryRegistry>) => ({
  source: { registry: source, repository: repo("team/app"), reference: tagOf("1") },
  targets: targets.map((registry) => ({ registry, repository: repo("team/app"), tag: tagOf("1") })),
  depth: "tag" as const,
  referrers: "none" as const,
});

const threeTargets = (): ReadonlyArray<MemoryRegistry> =>
  ["one", "two", "three"].map((name) => makeMemoryRegistry({ name }));

describe("one image to several targets", () => {
  it("reads each blob of the source once, large and small, and leaves nothing on disk", async () => {
    const fixture = multiPlatform({ seed: "app", layers: [2000, 3 * MIB, 9 * MIB] });
    const { source } = await twoSides(fixture);
    const targets = threeTargets();
    const outcomes = await withSpool(64 * MIB, (copier) => copier.copyToMany(many(source, targets)));
    expect(outcomes.map(Result.isSuccess)).toEqual([true, true, true]);
    const distinct = new Set(fixture.children.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)));
    expect(source.count("blob")).toBe(distinct.size);
    for (const target of targets) {
      expect(target.dangling()).toEqual([]);
      expect(target.repositoryOf("team/app").tags.get("1")).toBe(fixture.digest);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("goes on without one that fails or stands still", async () => {
    const { source } = await twoSides(image({ seed: "app", layers: [3 * MIB] }));
    const [well = source, refusing = source] = threeTargets();
    const sick: MemoryRegistry = { ...refusing, upload: () => Effect.fail(refusing.error("denied")) };
    const still: MemoryRegistry = { ...makeMemoryRegistry({ name: "still" }), upload: () => Effect.never };
    const done: number[] = [];
    await withSpool(64 * MIB, (copier) =>
      Effect.raceFirst(
        copier.copyToMany({ ...many(source, [still, sick, well]), onTarget: (index) => done.push(index) }),
        Effect.repeat(Effect.sleep(5), { until: () => done.length === 2 }),
      ),
    );
    expect(done.sort()).toEqual([1, 2]);
    expect(well.dangling()).toEqual([]);
    expect(well.repositoryOf("team/app").tags.size).toBe(1);
  });

  it("reads a blob for each where the spool has no room", async () => {
    const { source } = await twoSides(image({ seed: "app", layers: [3 * MIB] }));
    const targets = threeTargets();
    const outcomes = await withSpool(MIB, (copier) => copier.copyToMany(many(source, targets)));
    expect(outcomes.every(Result.isSuccess)).toBe(true);
    expect(source.count("blob")).toBe(3 + 1); // the configuration has room
  });

  it("never spools wrong bytes: a source that gives some is asked again, and all targets end right", async () => {
    let bad = 2;
    const source = makeMemoryRegistry({
      name: "source",
      onBody: (bytes, call) => {
        if (call.operation !== "blob" || bytes.byteLength < MIB || bad === 0) return undefined;
        bad -= 1;
        const wrong = Buffer.from(bytes);
        wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
        return piecesOf(wrong, 100_000);
      },
    });
    await source.fill("team/app", "1", image({ seed: "app", layers: [2 * MIB] }));
    const targets = threeTargets();
    const outcomes = await withSpool(64 * MIB, (copier) => copier.copyToMany(many(source, targets)));
    expect(outcomes.every(Result.isSuccess)).toBe(true);
    for (const target of targets) expect(target.dangling()).toEqual([]);
  });

  it("that the source does not have fails at each", async () => {
    const source = makeMemoryRegistry({ name: "source" });
    const failing = withSpool(MIB, (copier) => copier.copyToMany(many(source, threeTargets())));
    await expect(failing.then((outcomes) => outcomes.map(Result.isFailure))).resolves.toEqual([true, true, true]);
  });
});

describe("bytes from a nearer registry", () => {
  const layers = [2000, 3 * MIB];
  const copyFrom = (near: MemoryRegistry, source: MemoryRegistry, target: MemoryRegistry) => {
    const wanted: CopyRequest = request(source, target, {
      bytesFrom: [{ registry: near, repository: repo("mirror/app") }],
    });
    return run(Effect.flatMap(makeCopier({ limits }), (copier) => copier.copy(wanted)));
  };

  it("are taken by digest, and the source gives none", async () => {
    const fixture = image({ seed: "app", layers });
    const { source, target } = await twoSides(fixture);
    const near = makeMemoryRegistry({ name: "near" });
    await near.fill("mirror/app", "other", fixture);
    expect((await copyFrom(near, source, target)).digest).toBe(fixture.digest);
    expect([source.count("blob"), near.count("blob")]).toEqual([0, 3]);
    // What is copied is the source's word: the nearer one is asked for no tag and no manifest.
    expect([near.count("manifest"), near.count("resolve")]).toEqual([0, 0]);
  });

  it("that it lacks come from the source", async () => {
    const { source, target, fixture } = await twoSides(image({ seed: "app", layers }));
    const near = makeMemoryRegistry({ name: "near" });
    await near.fill("mirror/app", "old", image({ seed: "old", layers, layerSeeds: ["app/0", "old"] }));
    expect((await copyFrom(near, source, target)).digest).toBe(fixture.digest);
    expect(source.count("blob")).toBe(2);
    expect(target.dangling()).toEqual([]);
  });

  it("that are wrong, or break on the way, are taken from the source", async () => {
    for (const spoil of [
      (bytes: Uint8Array) => Buffer.alloc(bytes.byteLength),
      (bytes: Uint8Array) => bytes.subarray(1),
    ]) {
      const fixture = image({ seed: "app", layers });
      const { source, target } = await twoSides(fixture);
      const near = makeMemoryRegistry({
        name: "near",
        onBody: (bytes) => piecesOf(Buffer.from(spoil(bytes)), 100_000),
      });
      await near.fill("mirror/app", "1", fixture);
      expect((await copyFrom(near, source, target)).digest).toBe(fixture.digest);
      // Once more where the place gave nearly all of it: what came is found to be wrong only with the source's last bytes.
      expect(source.count("blob")).toBeLessThanOrEqual(4);
      expect(target.dangling()).toEqual([]);
    }
  });
});

describe("a blob index", () => {
  it("can be written down and made again", async () => {
    const { source, target } = await twoSides(image({ seed: "app" }));
    const index = makeBlobIndex();
    await run(Effect.flatMap(makeCopier({ limits, index }), (copier) => copier.copy(request(source, target))));
    const written = JSON.stringify([...index.places()]);
    const again = makeBlobIndex(undefined, JSON.parse(written));
    await source.fill("team/other", "1", image({ seed: "other", layerSeeds: ["app/0"] }));
    const wanted = request(source, target, { repository: "team/other" });
    const result = await run(Effect.flatMap(makeCopier({ limits, index: again }), (copier) => copier.copy(wanted)));
    expect(result.blobs).toEqual({ copied: 1, mounted: 1, present: 0 });
    expect([...again.places()]).toHaveLength(4);
  });
});

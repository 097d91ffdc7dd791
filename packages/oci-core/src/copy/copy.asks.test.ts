import * as Effect from "effect/Effect";
import * as TestClock from "effect/testing/TestClock";
import { describe, expect, it } from "vitest";
import { image } from "../testing/images.ts";
import { copyOnce, limits, MIB, request, run, twoSides } from "./copying.test-support.ts";
import { TRUST_MS } from "./limits.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry } from "./memory-registry.test-support.ts";

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

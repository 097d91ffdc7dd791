import type { CopyProgress } from "@drayage/oci-core";
import type { StrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, small, test, type World, wordOf } from "./replicator.test-support.ts";

const [one, two, three] = [small("one"), small("two"), small("three")];
const heldAt = (registry: StrictRegistry, tag: string) => registry.manifest(APP, tag)?.digest;

describe("a source tag that moves while it is copied", () => {
  /** Moves it once, as soon as the first blob is over. */
  const moving = (world: World, to = two, when: CopyProgress["_tag"] = "BlobDone") => {
    let moves = 0;
    return {
      ...world.context,
      onProgress: (_: unknown, progress: CopyProgress): void => {
        if (progress._tag !== when || moves > 0) return;
        moves += 1;
        for (const blob of to.blobs) world.source.putBlob(APP, blobBytes(blob.digest));
        world.source.putManifest(APP, "latest", to);
      },
    };
  };
  const bytes = new Map<string, Uint8Array>();
  const blobBytes = (digest: string): Uint8Array => bytes.get(digest) ?? new Uint8Array(0);
  /** Puts the blobs of `fixture` at the source, so that its manifest can appear there at any moment. */
  const prepare = Effect.fnUntraced(function* (world: World, fixture = two) {
    yield* world.push(fixture, "prepared");
    for (const { digest } of fixture.blobs) {
      const blob = world.source.blob(APP, digest);
      if (blob !== undefined) bytes.set(digest, Buffer.concat(yield* Effect.promise(() => blob.open().toArray())));
    }
  });

  test("arrives as the newest, never as a mixture (F5)", {}, function* (world) {
    yield* prepare(world);
    yield* world.push(one, "latest");
    world.ask(["latest"]);
    const { outcome } = yield* replicate(moving(world), yield* world.claim);
    expect(outcome).toMatchObject({ _tag: "Succeeded", held: two.digest, event: { digest: two.digest } });
    expect(heldAt(world.target, "latest")).toBe(two.digest);
    expect(world.target.danglingReferences()).toEqual([]);
  });

  for (const overwrite of ["never", { allow: ["other"] }] as const) {
    test(`is not overwritten in the second round either with overwrite: ${JSON.stringify(overwrite)}`, {
      route: { overwrite },
    }, function* (world) {
      yield* prepare(world);
      yield* world.push(one, "latest");
      world.ask(["latest"]);
      const item = yield* world.claim;
      const { outcome } = yield* replicate(moving(world, two, "ManifestDone"), item);
      yield* world.context.bus.report(item, outcome);
      expect(wordOf(outcome)).toBe("parked conflict");
      expect(heldAt(world.target, "latest")).toBe(one.digest);
      // And it is ours all the same.
      world.ask(["latest"]);
      expect((yield* world.claim).owned).toEqual([one.digest]);
    });
  }

  test("for ever is tried again later", {}, function* (world) {
    yield* prepare(world, two);
    yield* prepare(world, three);
    yield* world.push(one, "latest");
    world.ask(["latest"]);
    const forth = [two, three];
    world.target.onChange(({ what, action, tag }) => {
      if (action !== "push" || what !== "manifest" || tag !== "latest") return;
      const [next = one] = forth;
      forth.reverse();
      world.source.putManifest(APP, "latest", next);
    });
    expect(wordOf((yield* world.step).outcome)).toBe("failed source-moved");
  });

  test("and is gone after the PUT is reported as it was copied", {}, function* (world) {
    yield* world.push(one, "latest", "witness");
    world.ask(["latest"]);
    world.target.onChange(({ what, action }) => {
      if (action === "push" && what === "manifest") world.source.deleteTag(APP, "latest");
    });
    expect(yield* world.settle).toMatchObject([{ _tag: "Succeeded", held: one.digest }]);
  });
});

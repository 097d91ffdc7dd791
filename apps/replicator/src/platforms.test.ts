import { multiPlatform } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, test, type World, wordsOf } from "./replicator.test-support.ts";

const only = [{ os: "linux", architecture: "amd64" }];
const image = multiPlatform({ seed: "multi", layers: [64] });
const [amd] = image.children;
const childrenAt = ({ target }: World, { children } = image) =>
  children.map(({ digest }) => target.manifest(APP, digest) !== undefined);

describe("a route that keeps the index of a choice of platforms", () => {
  test("is level with the chosen images alone, also under a deep look", {
    target: { indexChildren: "any" },
    route: { platforms: { only, index: "keep" } },
  }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(world.target.manifest(APP, "v1")?.digest).toBe(image.digest);
    expect(childrenAt(world)).toEqual([true, false]);
    world.ask(["v1"], { depth: "deep" });
    expect(wordsOf(yield* world.settle)).toEqual(["unchanged"]);
    world.target.deleteManifest(APP, amd?.digest ?? "");
    world.ask(["v1"], { depth: "deep" });
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(childrenAt(world)).toEqual([true, false]);
  });

  test("parks what the target refuses to hold without its other images", {
    route: { platforms: { only, index: "keep" } },
  }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["parked sparse-index-refused"]);
    expect(world.target.tags(APP)).toEqual([]);
  });
});

describe("a route that rewrites the index", () => {
  const route = { platforms: { only, index: "rewrite" } } as const;

  test("puts its own index, knows it again, and follows the source", { route }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    const first = world.target.manifest(APP, "v1")?.digest;
    expect(first).not.toBe(image.digest);
    expect(world.target.danglingReferences()).toEqual([]);
    expect(world.deliveries.rows().map(({ held }) => held)).toEqual([first]);
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["unchanged"]);

    const next = multiPlatform({ seed: "next", layers: [64] });
    yield* world.push(next, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(childrenAt(world, next)).toEqual([true, false]);
  });

  test("adopts an equal index that is there, and leaves another to a person", { route }, function* (world) {
    yield* world.push(image, "v1", "v2");
    world.ask(["v1"]);
    yield* world.settle;
    const held = world.target.manifest(APP, "v1");
    if (held === undefined) throw new Error("nothing put");
    world.target.putManifest(APP, "v2", held);
    world.target.putManifest(APP, "v3", image);
    yield* world.push(image, "v3");
    world.ask(["v2", "v3"]);
    expect(wordsOf(yield* world.settle).toSorted()).toEqual(["adopted", "parked conflict"]);
  });

  test("takes a source that moved during the copy once more", { route }, function* (world) {
    const next = multiPlatform({ seed: "next", layers: [64] });
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    let moved = false;
    const { copier } = world.context;
    const moving: typeof copier = {
      copy: (request) =>
        Effect.tap(copier.copy(request), () => {
          if (moved) return Effect.void;
          moved = true;
          return world.push(next, "v1");
        }),
    };
    const item = yield* world.claim;
    const { outcome } = yield* replicate({ ...world.context, copier: moving }, item);
    expect(wordsOf([outcome])).toEqual(["copied"]);
    expect(childrenAt(world, next)).toEqual([true, false]);
    expect(Buffer.from(world.target.manifest(APP, "v1")?.bytes ?? []).toString()).toContain(next.digest);
  });

  test("parks an image that has none of the platforms", {
    route: { platforms: { only: [{ os: "plan9", architecture: "amd64" }], index: "rewrite" } },
  }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["parked platform-missing"]);
  });
});

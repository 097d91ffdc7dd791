/** Targets that delete by digest only, where two tags on one digest are the trap (FAILURES F19). */
import { index } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import {
  APP,
  CONFIRM_AFTER_MS,
  MIRROR,
  type SideOptions,
  small,
  test,
  type World,
  wordsOf,
} from "./replicator.test-support.ts";

const [one, two] = [small("one"), small("two")];
const byDigest: SideOptions = { tagDelete: "digest", traits: { tagDelete: "digest" } };
const options = { target: byDigest, route: { deletes: MIRROR } };

const given = Effect.fnUntraced(function* (world: World, ...tags: ReadonlyArray<string>) {
  yield* world.push(two, "witness");
  yield* world.push(one, ...tags);
  world.ask([...tags, "witness"]);
  yield* world.settle;
});
const removed = (world: World, ...tags: ReadonlyArray<string>): void => {
  for (const tag of tags) world.source.deleteTag(APP, tag);
  world.ask(tags);
};
/** First proofs, the wait, second proofs. */
const confirmed = Effect.fnUntraced(function* (world: World) {
  const first = yield* world.settle;
  world.later(CONFIRM_AFTER_MS);
  return wordsOf([...first, ...(yield* world.settle)]).filter((word) => word !== "confirming");
});

describe("a target that deletes by digest only", () => {
  test("deletes a tag that is alone on its digest", options, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    expect(yield* confirmed(world)).toEqual(["deleted"]);
    expect(world.target.tags(APP)).toEqual(["witness"]);
  });

  test("keeps both of two tags on one digest when one of them goes", options, function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1");
    expect(yield* confirmed(world)).toEqual(["skipped shared-digest"]);
    expect(world.target.tags(APP)).toEqual(["latest", "v1", "witness"]);
    expect(world.target.requests.count({ method: "DELETE" })).toBe(0);
  });

  test("deletes both when both go, once and after both proofs", options, function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1", "latest");
    expect((yield* confirmed(world)).toSorted()).toEqual(["deleted", "unchanged"]);
    expect(world.target.tags(APP)).toEqual(["witness"]);
    expect(world.target.requests.count({ method: "DELETE" })).toBe(1);
  });

  test("deletes both when the second goes much later", options, function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1");
    expect(yield* confirmed(world)).toEqual(["skipped shared-digest"]);
    world.later(600_000);
    removed(world, "latest");
    expect(wordsOf(yield* world.settle)).toEqual(["confirming"]);
    expect(world.target.tags(APP)).toContain("v1");
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["deleted"]);
    expect(world.target.tags(APP)).toEqual(["witness"]);
  });

  test("waits for the second proof of a tag whose first is younger", options, function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1");
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS / 2);
    removed(world, "latest");
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS / 2);
    expect(wordsOf(yield* world.settle)).toEqual(["confirming"]);
    expect(world.target.tags(APP)).toEqual(["latest", "v1", "witness"]);
    world.later(CONFIRM_AFTER_MS / 2);
    expect(wordsOf(yield* world.settle).toSorted()).toEqual(["deleted", "unchanged"]);
  });

  test("keeps a digest that another tag of somebody else holds", options, function* (world) {
    yield* given(world, "v1");
    world.target.putTag(APP, "theirs", one.digest);
    removed(world, "v1");
    expect(yield* confirmed(world)).toEqual(["skipped shared-digest"]);
    expect(world.target.tags(APP)).toEqual(["theirs", "v1", "witness"]);
  });

  test("keeps a digest that a protected tag holds, also when that is gone at the source", {
    ...options,
    route: { deletes: { ...MIRROR, protect: ["v*"] } },
  }, function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1", "latest");
    expect((yield* confirmed(world)).toSorted()).toEqual(["skipped protected", "skipped shared-digest"]);
    expect(world.target.tags(APP)).toEqual(["latest", "v1", "witness"]);
  });

  for (const [name, top] of [
    ["an index", index({ children: [one, two] })],
    ["an index within an index", index({ children: [index({ children: [one] }), two] })],
  ] as const) {
    test(`keeps a digest that ${name} lists`, options, function* (world) {
      yield* given(world, "v1");
      yield* world.push(top, "multi");
      world.ask(["multi"]);
      yield* world.settle;
      removed(world, "v1");
      expect(yield* confirmed(world)).toEqual(["skipped shared-digest"]);
      expect(world.target.danglingReferences()).toEqual([]);
    });
  }

  test("keeps a digest that another worker is about to put under its tag", options, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    yield* world.settle;
    yield* world.push(one, "latest");
    world.ask(["latest"]);
    const latest = yield* world.claim;
    yield* world.context.bus.intend(latest, one.digest, 0);
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["skipped shared-digest"]);
    expect(world.target.tags(APP)).toContain("v1");
  });
});

describe("a target of which nobody knows how it deletes", () => {
  const probe = (tagDelete: "tag" | "digest") =>
    ({
      target: { tagDelete, traits: { tagDelete: "probe" } },
      route: { deletes: MIRROR },
      guard: { perRepository: { most: 2, within: 3_600_000 }, perTarget: { most: 9, within: 3_600_000, fraction: 1 } },
    }) as const;

  test("is asked to delete the tag, and that is all where it can", probe("tag"), function* (world) {
    yield* given(world, "v1", "latest");
    removed(world, "v1");
    expect(yield* confirmed(world)).toEqual(["deleted"]);
    expect(world.target.tags(APP)).toEqual(["latest", "witness"]);
  });

  test(
    "is asked by digest where it cannot; is not tried again, and the guard counts each tag once",
    probe("digest"),
    function* (world) {
      const three = small("three");
      yield* given(world, "v1");
      yield* world.push(three, "v2");
      world.ask(["v2"]);
      yield* world.settle;
      removed(world, "v1", "v2");
      expect(yield* confirmed(world)).toEqual(["deleted", "deleted"]);
      const deletes = world.target.requests.list({ method: "DELETE" }).map(({ path }) => path.split("/").at(-1));
      expect(deletes).toEqual(["v1", one.digest, three.digest]);
    },
  );

  test("counts a shared digest as so many tags", probe("digest"), function* (world) {
    yield* given(world, "v1", "v2", "v3");
    removed(world, "v1", "v2", "v3");
    // Three tags, and the guard allows two.
    expect(yield* confirmed(world)).toEqual(["parked guard-refused", "skipped shared-digest", "skipped shared-digest"]);
    expect(world.target.tags(APP)).toEqual(["v1", "v2", "v3", "witness"]);
  });
});

/** Deletions through two registries (DESIGN.md section 6): what goes, what stays, and what waits for a person. */
import { type FaultAction, pushImage, type StrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, CONFIRM_AFTER_MS, MIRROR, small, test, type World, wordOf, wordsOf } from "./replicator.test-support.ts";

const [one, two] = [small("one"), small("two")];
const mirror = { route: { deletes: MIRROR } };

/** The source has these tags and a witness, and all of them are at the target. */
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
const deletesAt = (registry: StrictRegistry): number => registry.requests.count({ method: "DELETE" });

describe("a deletion at the source", () => {
  test("is ignored by default", {}, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    expect(wordsOf(yield* world.settle)).toEqual(["skipped deletes-ignored"]);
    expect(world.target.tags(APP)).toEqual(["v1", "witness"]);
  });

  test("is mirrored after two proofs, confirmAfter apart", mirror, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    expect(wordsOf(yield* world.settle)).toEqual(["confirming"]);
    world.later(CONFIRM_AFTER_MS - 1_000);
    expect(yield* world.settle).toEqual([]);
    expect(world.target.tags(APP)).toEqual(["v1", "witness"]);
    world.later(1_000);
    expect(wordsOf(yield* world.settle)).toEqual(["deleted"]);
    expect(world.target.tags(APP)).toEqual(["witness"]);
    expect(world.target.manifests(APP)).toContain(one.digest);
    expect(deletesAt(world.target)).toBe(1);
  });

  test("that is over before the second proof deletes nothing", mirror, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    yield* world.settle;
    yield* world.push(one, "v1");
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["unchanged"]);
    // The next one begins anew.
    removed(world, "v1");
    expect(wordsOf(yield* world.settle)).toEqual(["confirming"]);
    expect(deletesAt(world.target)).toBe(0);
  });

  test("of a protected tag is not mirrored", { route: { deletes: { ...MIRROR, protect: ["v*"] } } }, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    expect(wordsOf(yield* world.settle)).toEqual(["skipped protected"]);
  });

  test("of a tag that somebody else put at the target is not mirrored", mirror, function* (world) {
    yield* world.push(two, "witness");
    yield* pushImage(world.target.url, APP, "v1", one);
    removed(world, "v1");
    expect(wordsOf(yield* world.settle)).toEqual(["skipped not-owned"]);
  });

  test("is not mirrored where the target holds something else by now", mirror, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    yield* world.settle;
    yield* pushImage(world.target.url, APP, "v1", two);
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["skipped not-owned"]);
    expect(world.target.tags(APP)).toContain("v1");
  });

  test("of all tags waits for a person, and is done once the person has deleted them", mirror, function* (world) {
    yield* given(world, "v1");
    world.source.deleteRepository(APP);
    world.ask(["v1", "witness"]);
    expect(wordsOf(yield* world.settle)).toEqual(["parked approval-needed", "parked approval-needed"]);
    expect(world.target.tags(APP)).toEqual(["v1", "witness"]);
    world.target.deleteRepository(APP);
    world.deliveries.retryParked();
    // The target does not know the repository any more, or hides it: nothing is left to do, and nothing is forgotten.
    expect(wordsOf(yield* world.settle)).toEqual(["skipped target-hidden", "skipped target-hidden"]);
  });

  test("beyond the guard's limit parks", {
    ...mirror,
    guard: { perRepository: { most: 1, within: 3_600_000 }, perTarget: { most: 9, within: 3_600_000, fraction: 1 } },
  }, function* (world) {
    yield* given(world, "v1", "v2");
    removed(world, "v1", "v2");
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS);
    const ended = yield* world.settle;
    expect(wordsOf(ended)).toEqual(["deleted", "parked guard-refused"]);
    expect(ended[1]).toMatchObject({
      event: { error: { detail: expect.stringContaining("guard.perRepository.most") } },
    });
    expect(world.target.tags(APP)).toEqual(["v2", "witness"]);
  });

  test(
    "given our books were restored from a backup, when it is time to delete, then it is tried again later and nothing is deleted",
    mirror,
    function* (world) {
      yield* given(world, "v1");
      removed(world, "v1");
      yield* world.settle;
      world.later(CONFIRM_AFTER_MS);
      const off = { _tag: "Off", why: "deletes are off: the database was restored" } as const;
      const bus = { ...world.context.bus, permitDelete: () => Effect.succeed(off) };
      const { outcome } = yield* replicate({ ...world.context, bus }, yield* world.claim);
      expect(wordOf(outcome)).toBe("failed deletes-off");
      expect(outcome).toMatchObject({ event: { error: { retryable: true, detail: off.why } } });
      expect(deletesAt(world.target)).toBe(0);
      expect(world.target.tags(APP)).toEqual(["v1", "witness"]);
    },
  );

  test("at a target that cannot delete is skipped", {
    ...mirror,
    target: { traits: { tagDelete: "none" } },
  }, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["skipped delete-unsupported"]);
  });
});

const always = { times: Number.POSITIVE_INFINITY };
const everything = (action: FaultAction) => (source: StrictRegistry) => {
  source.faults.add({ match: { path: /\/v2\/.+/, ...always }, action });
};
const noTags = (action: FaultAction) => (source: StrictRegistry) => {
  source.faults.add({ match: { path: /manifests/, ...always }, action: { kind: "status", status: 404 } });
  source.faults.add({ match: { path: /tags\/list/, ...always }, action });
};
const TROUBLE: ReadonlyArray<readonly [name: string, arrange: (source: StrictRegistry) => void]> = [
  ["an empty list", noTags({ kind: "truncatedList", keep: 0 })],
  ["half a list that still has the tag", noTags({ kind: "truncatedList", keep: 1 })],
  [
    "nothing but half a list without the tag",
    (source) => {
      source.putTag(APP, "a-witness", two.digest);
      noTags({ kind: "truncatedList", keep: 1 })(source);
    },
  ],
  ["401", everything({ kind: "status", status: 401 })],
  ["403", everything({ kind: "status", status: 403 })],
  ["HTML with 200", everything({ kind: "html200" })],
  ["HTML with 404", everything({ kind: "status", status: 404, body: "<html>" })],
  ["NAME_UNKNOWN", everything({ kind: "status", status: 404, code: "NAME_UNKNOWN" })],
  [
    "half a list",
    (source) =>
      source.faults.add({ match: { path: /tags\/list/, ...always }, action: { kind: "truncatedList", keep: 1 } }),
  ],
];

describe("nothing is deleted while the source answers (F20)", () => {
  for (const [name, arrange] of TROUBLE) {
    test(name, mirror, function* (world) {
      yield* given(world, "v1");
      arrange(world.source);
      for (let round = 0; round < 3; round += 1) {
        world.ask(["v1"]);
        const words = wordsOf(yield* world.settle);
        expect(words).not.toContain("deleted");
        world.later(CONFIRM_AFTER_MS + 1_000);
      }
      expect(world.target.tags(APP)).toEqual(["v1", "witness"]);
      expect(deletesAt(world.target)).toBe(0);
    });
  }

  test("a proof, then an error, then a proof: the time begins anew", mirror, function* (world) {
    yield* given(world, "v1");
    removed(world, "v1");
    yield* world.settle;
    const fault = world.source.faults.add({
      match: { method: "GET", ...always },
      action: { kind: "status", status: 403 },
    });
    world.later(CONFIRM_AFTER_MS);
    expect(wordOf((yield* world.step).outcome)).toBe("failed denied");
    fault.remove();
    world.later(30_000);
    expect(wordsOf(yield* world.settle)).toEqual(["confirming"]);
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["deleted"]);
  });
});

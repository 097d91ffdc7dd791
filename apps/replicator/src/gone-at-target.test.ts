import type { Registry } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, CONFIRM_AFTER_MS, MIRROR, small, test, type World, wordOf, wordsOf } from "./replicator.test-support.ts";

const one = small("one");
const always = { times: Number.POSITIVE_INFINITY };
const ownedBy = ({ deliveries }: World) => deliveries.rows().map((row) => row.held);

describe("what a target does not say in words", () => {
  test("a tag of ours in a repository that the target hides stays ours, and goes when it is shown again", {
    route: { deletes: MIRROR },
  }, function* (world) {
    yield* world.push(one, "v1", "witness");
    world.ask(["v1"]);
    yield* world.settle;
    world.source.deleteTag(APP, "v1");
    const hidden = world.target.faults.add({
      match: { path: /\/v2\/.+/, ...always },
      action: { kind: "status", status: 404, code: "NAME_UNKNOWN" },
    });
    world.ask(["v1"]);
    expect(wordOf((yield* world.step).outcome)).toBe("skipped target-hidden");
    expect(ownedBy(world)).toEqual([one.digest]);
    hidden.remove();
    world.ask(["v1"]);
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS);
    expect(wordsOf(yield* world.settle)).toEqual(["deleted"]);
  });

  test("a tag of ours that a target hides between the proof and the deletion stays ours", {
    route: { deletes: MIRROR },
  }, function* (world) {
    yield* world.push(one, "v1", "witness");
    world.ask(["v1"]);
    yield* world.settle;
    world.source.deleteTag(APP, "v1");
    world.ask(["v1"]);
    yield* world.settle;
    world.later(CONFIRM_AFTER_MS);
    const item = yield* world.claim;
    let looks = 0;
    // The first look finds it, the second does not.
    const target: Registry = {
      ...world.context.target,
      resolve: (repository, reference) =>
        Effect.suspend(() => {
          looks += 1;
          return looks === 1 ? world.context.target.resolve(repository, reference) : Effect.undefined;
        }),
    };
    expect(wordOf((yield* replicate({ ...world.context, target }, item)).outcome)).toBe("failed absence-unproven");
    expect(looks).toBe(2);
  });
});

import type { CopyProgress } from "@drayage/oci-core";
import { multiPlatform, pushImage, type StrictRegistry, signatureFor } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, plainRoute, small, test, type World, wordOf, wordsOf } from "./replicator.test-support.ts";

const [one, two] = [small("one"), small("two")];
const heldAt = (registry: StrictRegistry, tag: string) => registry.manifest(APP, tag)?.digest;
const ownedBy = ({ deliveries }: World) => deliveries.rows().map((row) => row.held);

describe("a push", () => {
  test("is copied, and a second event for it changes nothing", {}, function* (world) {
    yield* world.push(multiPlatform({ seed: "multi", layers: [64, 64] }), "v1");
    world.ask(["v1"]);
    const { outcome, target } = yield* world.step;
    expect(outcome).toMatchObject({ _tag: "Succeeded", event: { action: "copied", cause: 1, route: "all" } });
    expect(target).toEqual({ _tag: "Answered" });
    expect(heldAt(world.target, "v1")).toBe(heldAt(world.source, "v1"));
    expect(world.target.danglingReferences()).toEqual([]);
    expect(world.target.manifest(APP, "v1")?.bytes).toEqual(world.source.manifest(APP, "v1")?.bytes);
    world.target.requests.reset();
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["unchanged"]);
    expect(world.target.requests.list().map(({ method }) => method)).toEqual(["HEAD"]);
  });

  test("over a tag of ours replaces it", {}, function* (world) {
    yield* world.push(one, "latest");
    world.ask(["latest"]);
    yield* world.settle;
    yield* world.push(two, "latest");
    world.ask(["latest"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(heldAt(world.target, "latest")).toBe(two.digest);
  });

  test("over a tag of ours is refused where the route does not allow it", {
    route: { overwrite: { allow: ["latest"] } },
  }, function* (world) {
    yield* world.push(one, "latest", "v1");
    world.ask(["latest", "v1"]);
    yield* world.settle;
    yield* world.push(two, "latest", "v1");
    world.ask(["latest", "v1"]);
    expect(wordsOf(yield* world.settle).toSorted()).toEqual(["copied", "parked conflict"]);
    expect([heldAt(world.target, "latest"), heldAt(world.target, "v1")]).toEqual([two.digest, one.digest]);
  });

  test("is judged by the rules that came with the item, where some did", {}, function* (world) {
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    yield* world.settle;
    yield* world.push(two, "v1");
    world.ask(["v1"]);
    const item = yield* world.claim;
    const rules = plainRoute("all", "source", "target");
    const done = yield* Effect.orDie(
      replicate({ ...world.context, policyOf: () => undefined }, { ...item, policy: { ...rules, overwrite: "never" } }),
    );
    expect(wordOf(done.outcome)).toBe("parked conflict");
    expect(heldAt(world.target, "v1")).toBe(one.digest);
  });

  test("that was a delete and a create is an overwrite, whatever comes first (F4)", {
    route: { deletes: { mode: "mirror", confirmAfter: 0, protect: [] } },
  }, function* (world) {
    yield* world.push(one, "latest", "witness");
    world.ask(["latest"]);
    yield* world.settle;
    yield* world.push(two, "latest");
    for (const _ of ["deleted", "pushed", "deleted"]) world.ask(["latest"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(heldAt(world.target, "latest")).toBe(two.digest);
  });

  test("brings a signature that came later", {}, function* (world) {
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    yield* world.settle;
    const signature = signatureFor(one);
    yield* pushImage(world.source.url, APP, undefined, signature);
    world.ask(["v1"], { depth: "referrers" });
    expect(yield* world.settle).toMatchObject([{ event: { action: "copied", referrers: 1 } }]);
    expect(world.target.manifests(APP)).toContain(signature.digest);
  });

  test("to an immutable tag that holds something else is a conflict for a person (F23)", {
    target: { immutable: { tags: /^v/, status: 409, code: "TAG_IMMUTABLE", sameDigest: "refused" } },
  }, function* (world) {
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    yield* world.push(two, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["parked conflict"]);
    expect(heldAt(world.target, "v1")).toBe(one.digest);
  });

  test("that is poisoned parks, and others go (F25)", {}, function* (world) {
    yield* world.push(one, "good");
    yield* world.push(two, "poisoned");
    world.source.faults.add({
      match: { path: new RegExp(two.digest), method: "GET", times: Number.POSITIVE_INFINITY },
      action: { kind: "wrongBytes" },
    });
    world.ask(["poisoned", "good"]);
    const words = [...wordsOf(yield* world.settle)];
    expect(words.toSorted()).toEqual(["copied", "failed digest-mismatch"]);
    while (words.at(-1) !== "parked digest-mismatch" && words.length < 20) {
      world.later(600_000);
      words.push(...wordsOf(yield* world.settle));
    }
    expect(words).toHaveLength(9); // the good one, and eight attempts
    expect(world.target.tags(APP)).toEqual(["good"]);
  });
});

describe("a tag that somebody else put at the target", () => {
  const put = (world: World, fixture = one) => pushImage(world.target.url, APP, "v1", fixture);

  test("is adopted where it is equal", {}, function* (world) {
    yield* put(world);
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["adopted"]);
    expect(ownedBy(world)).toEqual([one.digest]);
  });

  test("is a conflict where it is not", {}, function* (world) {
    yield* put(world, two);
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["parked conflict"]);
    expect(heldAt(world.target, "v1")).toBe(two.digest);
  });

  test("is overwritten with existing: overwrite", { route: { existing: "overwrite" } }, function* (world) {
    yield* put(world, two);
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(heldAt(world.target, "v1")).toBe(one.digest);
  });

  test("is left alone with existing: report, equal or not", { route: { existing: "report" } }, function* (world) {
    yield* put(world);
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["skipped reported"]);
    yield* put(world, two);
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["skipped reported"]);
    expect([heldAt(world.target, "v1"), ownedBy(world)]).toEqual([two.digest, [undefined]]);
  });

  test("during a long copy is not overwritten", {}, function* (world) {
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    const item = yield* world.claim;
    let moved = false;
    const onProgress = (_: unknown, progress: CopyProgress): void => {
      if (progress._tag !== "BlobDone" || moved) return;
      moved = true;
      world.target.putManifest(APP, "v1", two);
      world.later(11_000);
    };
    const { outcome } = yield* replicate({ ...world.context, onProgress }, item);
    expect([moved, wordOf(outcome)]).toEqual([true, "parked conflict"]);
    expect(heldAt(world.target, "v1")).toBe(two.digest);
  });
});

describe("after a crash", () => {
  test("between the tag PUT and the report our own image is no stranger", {}, function* (world) {
    yield* world.push(one, "v1");
    world.ask(["v1"]);
    yield* replicate(world.context, yield* world.claim); // and nobody reports
    expect(heldAt(world.target, "v1")).toBe(one.digest);
    yield* world.push(two, "v1");
    world.later(121_000);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(heldAt(world.target, "v1")).toBe(two.digest);
  });
});

describe("what is not known is not said to be well", () => {
  const always = { times: Number.POSITIVE_INFINITY };
  const hidden = [
    ["401", { kind: "status", status: 401 }, "failed unauthorized"],
    ["403", { kind: "status", status: 403 }, "failed denied"],
    ["a page of HTML", { kind: "status", status: 404, body: "<html>" }, "failed invalid-response"],
    ["NAME_UNKNOWN", { kind: "status", status: 404, code: "NAME_UNKNOWN" }, "failed repository-unknown"],
  ] as const;
  for (const [name, action, word] of hidden) {
    test(`a push whose HEAD says 404 and whose GET says ${name} is not done`, {}, function* (world) {
      yield* world.push(one, "v1", "witness");
      world.source.faults.add({ match: { method: "HEAD", ...always }, action: { kind: "status", status: 404 } });
      world.source.faults.add({ match: { method: "GET", ...always }, action });
      world.ask(["v1"]);
      expect(wordOf((yield* world.step).outcome)).toBe(word);
    });
  }

  test("a GET that finds the tag is believed against a HEAD that says 404", {}, function* (world) {
    yield* world.push(one, "v1");
    world.source.faults.add({ match: { method: "HEAD", ...always }, action: { kind: "status", status: 404 } });
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(heldAt(world.target, "v1")).toBe(one.digest);
  });

  test("a tag of ours that HEAD alone does not see at the target stays ours", {}, function* (world) {
    yield* world.push(one, "v1", "witness");
    world.ask(["v1"]);
    yield* world.settle;
    world.source.deleteTag(APP, "v1");
    world.target.faults.add({ match: { method: "HEAD" }, action: { kind: "status", status: 404 } });
    world.ask(["v1"]);
    expect(wordOf((yield* world.step).outcome)).toBe("failed absence-unproven");
    expect(ownedBy(world)).toEqual([one.digest]);
  });

  test("a tag that neither side has is done, and no request writes", {}, function* (world) {
    yield* world.push(one, "witness");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["unchanged"]);
    expect(world.target.requests.list().every(({ method }) => method === "HEAD")).toBe(true);
  });

  test("a bug is a failure of its delivery, tried again and then parked", {}, function* (world) {
    yield* world.push(one, "v1");
    const broken = { ...world.context, copier: { copy: () => Effect.die(new TypeError("oops")) } };
    world.ask(["v1"]);
    const item = yield* world.claim;
    expect((yield* replicate(broken, item)).outcome).toMatchObject({
      _tag: "Failed",
      event: { error: { side: "drayage", reason: "internal", detail: "TypeError: oops" } },
    });
    expect((yield* replicate(broken, { ...item, attempt: 8 })).outcome._tag).toBe("Parked");
  });

  test("a delivery whose route is gone from the configuration is skipped and tells nothing of the target", {}, function* (world) {
    world.ask(["v1"], { route: "removed" });
    expect(yield* world.step).toMatchObject({ outcome: { _tag: "Skipped" }, target: { _tag: "Unknown" } });
    expect(world.target.requests.total()).toBe(0);
  });
});

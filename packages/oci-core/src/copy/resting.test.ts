import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import type { RegistryReason } from "../registry/errors.ts";
import { image } from "../testing/images.ts";
import { limits, request, run, twoSides } from "./copying.test-support.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, repo } from "./memory-registry.test-support.ts";
import { makeResting } from "./resting.ts";

const near = makeMemoryRegistry({ name: "near" });
const [app, other] = ["team/app", "team/other"].map((name) => ({ registry: near, repository: repo(name) }));
if (app === undefined || other === undefined) throw new Error("no places");
const restsAfter = (reason: RegistryReason) => {
  const resting = makeResting();
  const rests = resting.failed(app, near.error(reason), 1_000);
  return [rests, resting.rests(app, 2_000), resting.rests(other, 2_000), resting.rests(app, 1_000 + 5 * 60_000)];
};

describe("a nearer registry that failed", () => {
  it("rests as a whole where it is away, and is asked again after some minutes", () => {
    for (const reason of ["network", "stalled", "unavailable", "rate-limited"] as const)
      expect(restsAfter(reason)).toEqual([true, true, true, false]);
  });

  it("rests with the one repository where that is refused to us", () => {
    for (const reason of ["denied", "unauthorized", "unsafe-location"] as const)
      expect(restsAfter(reason)).toEqual([true, true, false, false]);
  });

  it("goes on where it only lacks the blob, or has another one", () => {
    for (const reason of ["not-found", "repository-unknown", "digest-mismatch"] as const)
      expect(restsAfter(reason)).toEqual([false, false, false, false]);
  });

  it("is told of once, however many blobs found it out", () => {
    const resting = makeResting();
    expect([1, 2].map((now) => resting.failed(app, near.error("network"), now))).toEqual([true, false]);
  });

  it("costs a later copy nothing while it rests", async () => {
    const { source, target } = await twoSides(image({ seed: "one", layers: [64, 64] }));
    await source.fill("team/other", "1", image({ seed: "two", layers: [64, 64] }));
    let asked = 0;
    const away: MemoryRegistry = {
      ...near,
      blob: () =>
        Effect.suspend(() => {
          asked += 1;
          return Effect.fail(near.error("network"));
        }),
    };
    const bytesFrom = [{ registry: away, repository: repo("team/app") }];
    await run(
      Effect.gen(function* () {
        const copier = yield* makeCopier({ limits });
        yield* copier.copy(request(source, target, { bytesFrom }));
        const before = asked;
        expect(before).toBeGreaterThan(0);
        yield* copier.copy({ ...request(source, target, { repository: "team/other" }), bytesFrom });
        expect(asked).toBe(before);
      }),
    );
    expect(target.dangling()).toEqual([]);
    expect(target.repositoryOf("team/other").tags.size).toBe(1);
  });
});

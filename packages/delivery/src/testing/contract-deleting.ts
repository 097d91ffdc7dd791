import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { cases } from "./cases.ts";
import { type BusFixture, type MakeFixture, takeOne } from "./fixture.ts";
import { digestNumber, sampleRequest, skipped, succeeded } from "./samples.ts";

const HOUR = 3_600_000;

/** A delivery that is done, and claimed again. */
const claimedAgain = Effect.fnUntraced(function* (fixture: BusFixture, name: string, position: number) {
  yield* fixture.request([sampleRequest(name, position)]);
  const first = yield* takeOne(fixture);
  yield* Effect.orDie(fixture.bus.report(first, succeeded(first, digestNumber(1))));
  yield* fixture.request([sampleRequest(name, position + 1)]);
  return yield* takeOne(fixture);
});

export const deletingContract = (make: MakeFixture): void => {
  describe("deletions", () => {
    const it = cases(make);

    it("are counted for a repository and for a target, over all workers", function* (fixture) {
      const a = yield* claimedAgain(fixture, "a:v1", 1);
      const b = yield* claimedAgain(fixture, "b:v1", 11);
      const c = yield* claimedAgain(fixture, "c:v1", 21);
      const permit = (item: typeof a, tags: number) => Effect.orDie(fixture.bus.permitDelete(item, tags, 0));
      expect(yield* permit(a, 2)).toEqual({ _tag: "Granted" });
      expect(yield* permit(a, 1)).toMatchObject({ _tag: "Refused", why: expect.stringContaining("perRepository") });
      expect(yield* permit(b, 2)).toMatchObject({ _tag: "Refused", why: expect.stringContaining("perTarget") });
      expect(yield* permit(b, 1)).toEqual({ _tag: "Granted" }); // a refusal counts nothing
      expect(yield* permit(c, 1)).toMatchObject({ _tag: "Refused" });
    });

    it("are counted together when asked for at the same moment", function* (fixture) {
      const names = ["a:v1", "b:v1", "c:v1", "d:v1", "e:v1", "f:v1"];
      const items = yield* Effect.forEach(names, (name, i) => claimedAgain(fixture, name, i * 10 + 1));
      const permits = yield* Effect.forEach(items, (item) => Effect.orDie(fixture.bus.permitDelete(item, 1, 0)), {
        concurrency: "unbounded",
      });
      expect(permits.filter((permit) => permit._tag === "Granted")).toHaveLength(3);
    });

    it("are forgotten when their window has passed", function* (fixture) {
      const first = yield* claimedAgain(fixture, "a:v1", 1);
      expect(yield* Effect.orDie(fixture.bus.permitDelete(first, 2, 0))).toEqual({ _tag: "Granted" });
      yield* fixture.later(2 * HOUR);
      const again = yield* takeOne(fixture);
      expect(yield* Effect.orDie(fixture.bus.permitDelete(again, 2, 0))).toEqual({ _tag: "Granted" });
    });

    it("see other tags on the same digest", function* (fixture) {
      yield* fixture.request([
        sampleRequest("app:v1", 1),
        sampleRequest("app:v2", 2),
        sampleRequest("app:v3", 3),
        sampleRequest("app:v4", 4),
      ]);
      const [first, second, third, fourth] = [
        yield* takeOne(fixture),
        yield* takeOne(fixture),
        yield* takeOne(fixture),
        yield* takeOne(fixture),
      ];
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second, digestNumber(1))));
      yield* Effect.orDie(fixture.bus.report(third, succeeded(third, digestNumber(3))));
      yield* Effect.orDie(fixture.bus.intend(fourth, digestNumber(1), 0)); // may be there already
      expect(yield* Effect.orDie(fixture.bus.siblings(first, digestNumber(1)))).toMatchObject([
        { tag: "v2", sourceRegistry: "source", sourceRepository: "app", sourceTag: "v2", absentSince: undefined },
        { tag: "v4" },
      ]);
    });

    it("of a shared digest keep their proof while they wait for the other tag; no other skip does", function* (fixture) {
      const absentSince = new Date(Date.now() - 1000);
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
      const first = yield* takeOne(fixture);
      const second = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second)));
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first)));
      yield* fixture.request([sampleRequest("app:v1", 3)]);
      let item = yield* takeOne(fixture);
      for (const reason of ["shared-digest", "deletes-ignored"]) {
        yield* Effect.orDie(fixture.bus.report(item, { _tag: "Confirming", absentSince, at: new Date(0) }));
        item = yield* takeOne(fixture);
        yield* Effect.orDie(fixture.bus.report(item, skipped(item, reason)));
        const [sibling] = yield* Effect.orDie(fixture.bus.siblings(second, digestNumber(1)));
        expect(sibling?.absentSince !== undefined).toBe(reason === "shared-digest");
        yield* fixture.request([sampleRequest("app:v1", item.claimed + 1)]);
        item = yield* takeOne(fixture);
      }
    });
  });
};

import type { DeliveryRequest } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { cases } from "./cases.ts";
import { claimOne, type MakeFixture, takeOne } from "./fixture.ts";
import { parked, repositoryName, sampleRequest, succeeded, tagName } from "./samples.ts";

/** The same name at the target, wanted by another source. */
const fromOther = (name: string, position: number, source = "other"): DeliveryRequest =>
  sampleRequest(name, position, {
    source: { registry: source, repository: repositoryName("app"), tag: tagName("v1") },
    route: `from-${source}`,
  });

export const namesContract = (make: MakeFixture): void => {
  describe("names that two sources want", () => {
    const it = cases(make);

    it("belong to the first; the second is told once", function* (fixture) {
      expect(yield* fixture.request([sampleRequest("app:v1", 1)])).toEqual([]);
      const conflicts = yield* fixture.request([fromOther("app:v1", 2)]);
      expect(conflicts).toMatchObject([
        { isNew: true, owner: { registry: "source" }, rival: { source: { registry: "other" }, position: 2 } },
      ]);
      expect(yield* fixture.request([fromOther("app:v1", 3)])).toMatchObject([{ isNew: false }]);
      expect(yield* fixture.request([fromOther("app:v1", 4, "third")])).toMatchObject([{ isNew: true }]);
      expect(yield* fixture.rows).toMatchObject([{ state: "pending", requested: 1 }]);
      expect((yield* takeOne(fixture)).source.registry).toBe("source");
    });

    it("belong to the first in one batch too, and its owner's request is not lost", function* (fixture) {
      const conflicts = yield* fixture.request([fromOther("app:v1", 2), sampleRequest("app:v1", 1)]);
      expect(conflicts).toMatchObject([{ owner: { registry: "source" } }]);
      const again = yield* fixture.request([fromOther("app:v1", 3), sampleRequest("app:v1", 4)]);
      expect(again).toMatchObject([{ rival: { source: { registry: "other" } } }]);
      expect(yield* takeOne(fixture)).toMatchObject({ claimed: 4, source: { registry: "source" } });
    });

    it("stay with the owner while something of it is there", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, succeeded(item)));
      expect(yield* fixture.request([fromOther("app:v1", 2)])).toHaveLength(1);
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", requested: 1 }]);
      expect(yield* claimOne(fixture)).toBeUndefined();
    });

    it("go to another when nothing of the first is there or under way", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 1)]);
      const first = yield* takeOne(fixture);
      const second = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first, null)));
      yield* Effect.orDie(fixture.bus.report(second, parked(second)));
      expect(yield* fixture.request([fromOther("app:v1", 2), fromOther("app:v2", 3)])).toEqual([]);
      expect((yield* takeOne(fixture)).source.registry).toBe("other");
      expect((yield* takeOne(fixture)).source.registry).toBe("other");
    });

    it("can be handed over, with what is owned", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, succeeded(item)));
      yield* fixture.request([fromOther("app:v1", 2)]);
      yield* fixture.takeOver([fromOther("app:v1", 2)]);
      const taken = yield* takeOne(fixture);
      expect(taken).toMatchObject({ source: { registry: "other" }, route: "from-other", claimed: 2 });
      expect(taken.owned).toHaveLength(1);
    });
  });
};

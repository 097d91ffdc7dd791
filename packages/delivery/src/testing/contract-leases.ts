import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { cases } from "./cases.ts";
import { claimOne, type MakeFixture, resultOf, takeOne } from "./fixture.ts";
import { digestNumber, failed, namesOf, parked, sampleRequest, skipped, succeeded } from "./samples.ts";

const MINUTE = 60_000;

export const leasesContract = (make: MakeFixture): void => {
  describe("leases", () => {
    const it = cases(make);

    it("gives an item to one worker at a time", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      yield* takeOne(fixture, "a");
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      expect(yield* claimOne(fixture, "b")).toBeUndefined();
    });

    it("gives each item to one of many that claim at the same moment", function* (fixture) {
      yield* fixture.request(Array.from({ length: 40 }, (_, i) => sampleRequest(`app${i % 4}:v${i}`, i + 1)));
      const claims = Array.from({ length: 8 }, (_, i) =>
        fixture.bus.claim({ target: "east", worker: `w${i}`, limit: 5, leaseMs: MINUTE }),
      );
      const first = (yield* Effect.orDie(Effect.all(claims, { concurrency: "unbounded" }))).flat();
      // Those who came away with fewer find the rest now.
      const rest = yield* Effect.orDie(fixture.bus.claim({ target: "east", worker: "z", limit: 100, leaseMs: MINUTE }));
      const ids = [...first, ...rest].map((item) => item.delivery);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBe(40);
    });

    it("lets nobody write who lost it to time", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* fixture.later(2 * MINUTE);
      const { bus } = fixture;
      expect(yield* resultOf(bus.extend(item, MINUTE))).toBe("LeaseLost");
      expect(yield* resultOf(bus.intend(item, digestNumber(1), 0))).toBe("LeaseLost");
      expect(yield* resultOf(bus.permitDelete(item, 1, 0))).toBe("LeaseLost");
      expect(yield* resultOf(bus.report(item, succeeded(item)))).toBe("LeaseLost");
      expect(yield* fixture.outcomes).toEqual([]);
      expect(yield* fixture.rows).toMatchObject([{ requested: 1, done: 0 }]);
    });

    it("lets nobody write who lost it to another, and counts no attempt for the lost one", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const old = yield* takeOne(fixture, "a");
      yield* fixture.later(2 * MINUTE);
      const item = yield* takeOne(fixture, "b");
      expect(item.generation).toBeGreaterThan(old.generation);
      expect(item.attempt).toBe(1);
      const outcomes = [succeeded(old), skipped(old, "filtered"), failed(old, new Date()), parked(old)];
      for (const outcome of outcomes) expect(yield* resultOf(fixture.bus.report(old, outcome))).toBe("LeaseLost");
      expect(yield* resultOf(fixture.bus.extend(old, MINUTE))).toBe("LeaseLost");
      expect(yield* resultOf(fixture.bus.intend(old, digestNumber(1), 0))).toBe("LeaseLost");
      yield* fixture.bus.release(old, new Date()).pipe(Effect.orDie);
      expect(yield* claimOne(fixture, "c")).toBeUndefined();
      expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("done");
      expect(namesOf(yield* fixture.outcomes)).toEqual(["ReplicationSucceeded app:v1 1"]);
    });

    it("comes back at once when its worker died, and more and more seldom when they all do", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      // What a few restarts of ours cost.
      for (let restart = 0; restart < 3; restart++) {
        yield* takeOne(fixture);
        yield* fixture.later(2 * MINUTE);
      }
      // What one that brings its worker down is allowed.
      for (const seconds of [5, 10, 20, 40, 80, 160, 300, 300, 300]) {
        expect(yield* claimOne(fixture)).toBeUndefined();
        yield* fixture.later(seconds * 1000);
        expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1 });
        yield* fixture.later(2 * MINUTE);
      }
      expect(yield* claimOne(fixture)).toBeUndefined();
      yield* fixture.later(5 * MINUTE);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, failed(item, new Date(0))));
      const next = yield* takeOne(fixture);
      expect(next.attempt).toBe(2); // a worker that lives to tell counts, and the losses are over
      yield* fixture.later(2 * MINUTE);
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 2 });
      expect(yield* fixture.rows).toMatchObject([{ state: "leased" }]);
    });

    it("remembers the news that came before it was lost or handed back", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, failed(first, new Date(0))));
      const second = yield* takeOne(fixture);
      expect(second.attempt).toBe(2);
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      yield* Effect.orDie(fixture.bus.release(second, new Date(0)));
      const third = yield* takeOne(fixture);
      expect(third).toMatchObject({ attempt: 1, claimed: 2 });
      yield* Effect.orDie(fixture.bus.report(third, failed(third, new Date(0))));
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 2 });
      yield* fixture.request([sampleRequest("app:v1", 3)]);
      yield* fixture.later(2 * MINUTE);
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1, claimed: 3 });
    });

    it("is prolonged from now", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      const until = yield* Effect.orDie(fixture.bus.extend(item, 10 * MINUTE));
      expect(until.getTime()).toBeGreaterThan(item.leaseUntil.getTime());
      yield* fixture.later(5 * MINUTE);
      expect(yield* claimOne(fixture, "b")).toBeUndefined();
      expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("done");
    });

    it("must last long enough for what is about to be sent", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      expect(yield* resultOf(fixture.bus.intend(item, digestNumber(1), 2 * MINUTE))).toBe("LeaseLost");
      expect(yield* resultOf(fixture.bus.permitDelete(item, 1, 2 * MINUTE))).toBe("LeaseLost");
      expect(yield* resultOf(fixture.bus.intend(item, digestNumber(1), MINUTE / 2))).toBe("done");
    });

    it("remembers what was about to be put, until a success says what is there", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.intend(first, digestNumber(1), 0));
      yield* Effect.orDie(fixture.bus.intend(first, digestNumber(2), 0));
      yield* Effect.orDie(fixture.bus.intend(first, digestNumber(1), 0));
      yield* fixture.later(2 * MINUTE);
      const second = yield* takeOne(fixture);
      expect([...second.owned].toSorted()).toEqual([digestNumber(1), digestNumber(2)]);
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second, digestNumber(3))));
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      expect((yield* takeOne(fixture)).owned).toEqual([digestNumber(3)]);
    });

    it("is handed back without an attempt, and due when it was said", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
      const first = yield* takeOne(fixture);
      const second = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.release(first, new Date(0)));
      yield* Effect.orDie(fixture.bus.release(second, new Date(Date.now() + 10 * MINUTE)));
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v1", attempt: 1 });
      expect(yield* claimOne(fixture)).toBeUndefined();
      expect(yield* resultOf(fixture.bus.report(first, succeeded(first)))).toBe("LeaseLost");
      yield* fixture.later(11 * MINUTE);
      yield* takeOne(fixture); // v1, whose lease ran out
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v2", attempt: 1 });
      expect(yield* fixture.outcomes).toEqual([]);
    });
  });
};

import type { Digest } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import type { Outcome } from "../bus.ts";
import { cases } from "./cases.ts";
import { claimOne, type MakeFixture, resultOf, takeOne } from "./fixture.ts";
import { digestNumber, failed, namesOf, parked, sampleRequest, skipped, skippedEvent, succeeded } from "./samples.ts";

const MINUTE = 60_000;
const inMinutes = (minutes: number): Date => new Date(Date.now() + minutes * MINUTE);
const drift = { wakesParked: false, priority: 15 };

export const outcomesContract = (make: MakeFixture): void => {
  describe("outcomes", () => {
    const it = cases(make);

    it("writes each outcome once", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("done");
      expect(yield* resultOf(fixture.bus.report(item, succeeded(item)))).toBe("LeaseLost");
      expect(namesOf(yield* fixture.outcomes)).toEqual(["ReplicationSucceeded app:v1 1"]);
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", requested: 1, done: 1 }]);
    });

    it("does not lose a push that came during the copy", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* fixture.request([sampleRequest("app:v1", 2), sampleRequest("app:v1", 3)]);
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first)));
      const requestedAt = sampleRequest("app:v1", 2).requestedAt;
      expect(yield* fixture.rows).toEqual([{ state: "pending", requested: 3, done: 1, requestedAt }]);
      const second = yield* takeOne(fixture);
      expect(second.claimed).toBe(3);
      yield* Effect.orDie(fixture.bus.report(second, skipped(second, "filtered")));
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", requested: 3, done: 3 }]);
    });

    it("tries again when it was said, and counts", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, failed(first, inMinutes(5))));
      expect(yield* claimOne(fixture)).toBeUndefined();
      yield* fixture.later(6 * MINUTE);
      const second = yield* takeOne(fixture);
      expect(second.attempt).toBe(2);
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second)));
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      expect((yield* takeOne(fixture)).attempt).toBe(1);
    });

    it("keeps the count that the outcome says, and tells the next attempt why the last one failed", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      let item = yield* takeOne(fixture);
      expect(item.lastReason).toBeUndefined();
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        expect(item.attempt).toBe(attempt);
        yield* Effect.orDie(fixture.bus.report(item, failed(item, new Date(0))));
        item = yield* takeOne(fixture);
        expect(item.lastReason).toBe("unavailable");
      }
      yield* Effect.orDie(fixture.bus.report(item, failed({ ...item, attempt: 1 }, new Date(0)))); // another reason: counted anew
      item = yield* takeOne(fixture);
      expect(item.attempt).toBe(2);
      yield* Effect.orDie(fixture.bus.report(item, succeeded(item)));
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      expect((yield* takeOne(fixture)).lastReason).toBeUndefined();
    });

    it("lets news shorten a wait and reset the count, but not hammer", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, failed(item, inMinutes(15))));
      yield* fixture.request([sampleRequest("app:v1", 2, drift)]);
      yield* fixture.later(MINUTE);
      expect(yield* claimOne(fixture)).toBeUndefined(); // drift is no news
      yield* fixture.request([sampleRequest("app:v1", 3)]);
      expect(yield* claimOne(fixture)).toBeUndefined();
      yield* fixture.later(MINUTE);
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1, claimed: 3 });
    });

    it("parks until there is news from the source; drift is none", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, parked(item)));
      yield* fixture.request([sampleRequest("app:v1", 2, drift)]);
      expect(yield* fixture.rows).toMatchObject([{ state: "parked", requested: 2, done: 0 }]);
      expect(yield* claimOne(fixture)).toBeUndefined();
      yield* fixture.request([sampleRequest("app:v1", 3)]);
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1, claimed: 3 });
      expect(namesOf(yield* fixture.outcomes)).toEqual(["ReplicationParked app:v1 1"]);
    });

    it("does not park over news that came meanwhile", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
      const withNews = yield* takeOne(fixture);
      const withDrift = yield* takeOne(fixture);
      yield* fixture.request([sampleRequest("app:v1", 3), sampleRequest("app:v2", 4, drift)]);
      yield* Effect.orDie(fixture.bus.report(withNews, parked(withNews)));
      yield* Effect.orDie(fixture.bus.report(withDrift, parked(withDrift)));
      expect(yield* fixture.rows).toMatchObject([{ state: "pending" }, { state: "parked" }]);
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v1", attempt: 1, claimed: 3 });
    });

    it("is retried when a person says so", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, parked(item)));
      expect(yield* fixture.retryParked).toBe(1);
      expect(yield* fixture.retryParked).toBe(0);
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1, claimed: 1 });
    });

    it("is given up when a person says so: what was asked is done, and news ask again", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
      const item = yield* takeOne(fixture);
      yield* fixture.request([sampleRequest("app:v1", 3, drift)]);
      yield* Effect.orDie(fixture.bus.report(item, parked(item)));
      expect(yield* fixture.discardParked).toBe(1);
      expect(yield* fixture.discardParked).toBe(0);
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", requested: 3, done: 3 }, { state: "pending" }]);
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v2" });
      expect(yield* claimOne(fixture)).toBeUndefined();
      yield* fixture.request([sampleRequest("app:v1", 4)]);
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v1", attempt: 1, claimed: 4 });
    });

    it("waits for a signature without an attempt, and goes on at once when news of it come", function* (fixture) {
      const subject = digestNumber(7);
      const waiting = (detail: string) =>
        ({ _tag: "Waiting", subject, detail, at: inMinutes(10) }) as const satisfies Outcome;
      const referrer = (position: number, about: Digest | undefined, repository = "app") => ({
        registry: "source",
        repository: sampleRequest(repository, 1).repository,
        subject: about,
        position,
        requestedAt: new Date(),
      });
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      expect(first.waitsFor).toBeUndefined();
      yield* Effect.orDie(
        fixture.bus.report(first, { ...waiting("none yet"), event: skippedEvent(first, "waiting-signature") }),
      );
      expect(namesOf(yield* fixture.outcomes)).toHaveLength(1);
      expect(yield* claimOne(fixture)).toBeUndefined();
      // What concerns others changes nothing.
      expect(yield* fixture.referrers("east", [referrer(2, digestNumber(8)), referrer(3, undefined, "other")])).toBe(0);
      expect(yield* claimOne(fixture)).toBeUndefined();

      expect(yield* fixture.referrers("east", [referrer(4, subject)])).toBe(1);
      const second = yield* takeOne(fixture);
      expect(second).toMatchObject({ attempt: 1, claimed: 4, waitsFor: subject, depth: "referrers" });
      yield* Effect.orDie(fixture.bus.report(second, waiting("a wrong one")));
      expect(yield* fixture.outcomes).toHaveLength(1);

      // Something whose subject nobody told may be it.
      expect(yield* fixture.referrers("east", [referrer(5, undefined)])).toBe(1);
      const third = yield* takeOne(fixture);
      expect(third).toMatchObject({ attempt: 1, waitsFor: subject });
      yield* Effect.orDie(fixture.bus.report(third, waiting("a wrong one")));

      yield* fixture.request([sampleRequest("app:v1", 6)]);
      const fourth = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(fourth, succeeded(fourth, subject, [])));
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", done: 6 }]);
      expect(yield* fixture.referrers("east", [referrer(7, undefined)])).toBe(0);
      yield* fixture.request([sampleRequest("app:v1", 8)]);
      expect((yield* takeOne(fixture)).waitsFor).toBeUndefined();
    });

    it("waits for a signature no longer than it says, and not over news that came meanwhile", function* (fixture) {
      const subject = digestNumber(7);
      const waiting = (at: Date) => ({ _tag: "Waiting", subject, detail: "none yet", at }) as const satisfies Outcome;
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, waiting(new Date(0))));
      const second = yield* takeOne(fixture);
      expect(second).toMatchObject({ attempt: 1, claimed: 1, waitsFor: subject });
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      yield* Effect.orDie(fixture.bus.report(second, waiting(inMinutes(10))));
      expect(yield* takeOne(fixture)).toMatchObject({ claimed: 2 });
    });

    it("waits for the second proof of absence without an event or an attempt", function* (fixture) {
      const absentSince = new Date(Date.now() - 1000);
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      expect(yield* resultOf(fixture.bus.report(first, { _tag: "Confirming", absentSince, at: inMinutes(10) }))).toBe(
        "done",
      );
      expect(yield* claimOne(fixture)).toBeUndefined();
      expect(yield* fixture.outcomes).toEqual([]);
      yield* fixture.request([sampleRequest("app:v1", 2)]); // news may be a push: looked at now, and the proof begins anew
      expect(yield* takeOne(fixture)).toMatchObject({ attempt: 1, absentSince: undefined });
    });

    it("keeps the time of the first proof until the second, and forgets it with a success", function* (fixture) {
      const absentSince = new Date(Date.now() - 1000);
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, { _tag: "Confirming", absentSince, at: inMinutes(10) }));
      yield* fixture.request([sampleRequest("app:v1", 2, drift)]); // what a reconciliation found is no push
      yield* fixture.later(11 * MINUTE);
      const second = yield* takeOne(fixture);
      expect(second).toMatchObject({ attempt: 1, absentSince });
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second)));
      yield* fixture.request([sampleRequest("app:v1", 3)]);
      expect((yield* takeOne(fixture)).absentSince).toBeUndefined();
    });

    it("begins the proof of absence anew when there was news while it was made", function* (fixture) {
      const absentSince = new Date(Date.now() - 1000);
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* fixture.request([sampleRequest("app:v1", 2)]);
      yield* Effect.orDie(fixture.bus.report(first, { _tag: "Confirming", absentSince, at: inMinutes(10) }));
      const second = yield* takeOne(fixture); // at once
      expect(second).toMatchObject({ attempt: 1, absentSince: undefined });
      yield* Effect.orDie(fixture.bus.report(second, { _tag: "Confirming", absentSince, at: new Date(0) }));
      const third = yield* takeOne(fixture);
      expect(third).toMatchObject({ absentSince });
      yield* Effect.orDie(fixture.bus.report(third, skipped(third, "shared-digest")));
      yield* fixture.request([sampleRequest("app:v1", 3)]); // weeks later, perhaps
      expect((yield* takeOne(fixture)).absentSince).toBeUndefined();
    });

    it("begins the proof of absence anew after a failure", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, { _tag: "Confirming", absentSince: new Date(), at: new Date(0) }));
      const second = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(second, failed(second, new Date(0))));
      expect((yield* takeOne(fixture)).absentSince).toBeUndefined();
    });
  });
};

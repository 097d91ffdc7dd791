import { BACKFILL_PRIORITY_MAX } from "@drayage/domain";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { HUGE_BYTES_MIN } from "../limits.ts";
import { cases } from "./cases.ts";
import { claimNames, claimOne, type MakeFixture, takeOne } from "./fixture.ts";
import { digestNumber, sampleRequest, succeeded, weighing } from "./samples.ts";

export const claimingContract = (make: MakeFixture): void => {
  describe("requests and claims", () => {
    const it = cases(make);

    it("gives a worker all it needs to know", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 7)]);
      const item = yield* takeOne(fixture);
      expect(item).toMatchObject({
        target: "east",
        repository: "app",
        tag: "v1",
        source: { registry: "source", repository: "app", tag: "v1" },
        route: "all",
        claimed: 7,
        depth: "tag",
        attempt: 1,
        owned: [],
        absentSince: undefined,
        requestedAt: sampleRequest("app:v1", 7).requestedAt,
      });
      expect(item.leaseUntil).toBeInstanceOf(Date);
    });

    it("makes one delivery of a hundred pushes", function* (fixture) {
      const pushes = Array.from({ length: 100 }, (_, i) => sampleRequest("app:latest", i + 1));
      yield* fixture.request(pushes.slice(0, 60));
      for (const push of pushes.slice(60)) yield* fixture.request([push]);
      const rows = yield* fixture.rows;
      expect(rows).toEqual([{ state: "pending", requested: 100, done: 0, requestedAt: pushes[0]?.requestedAt }]);
      expect(yield* takeOne(fixture)).toMatchObject({ claimed: 100 });
      expect(yield* claimOne(fixture, "b")).toBeUndefined();
    });

    it("keeps the deepest of what was asked, until it is done", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1, { depth: "deep" }), sampleRequest("app:v1", 2)]);
      const first = yield* takeOne(fixture);
      expect(first.depth).toBe("deep");
      yield* fixture.request([sampleRequest("app:v1", 3, { depth: "referrers" })]);
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first)));
      const second = yield* takeOne(fixture);
      expect(second.depth).toBe("referrers");
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second)));
      yield* fixture.request([sampleRequest("app:v1", 4)]);
      expect((yield* takeOne(fixture)).depth).toBe("tag");
    });

    it("does nothing for a position that is done", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 5)]);
      const item = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(item, succeeded(item)));
      yield* fixture.request([sampleRequest("app:v1", 5), sampleRequest("app:v1", 3)]);
      expect(yield* fixture.rows).toMatchObject([{ state: "idle", requested: 5, done: 5 }]);
    });

    it("takes higher priority first, then the oldest", function* (fixture) {
      yield* fixture.request([
        sampleRequest("a:1", 1, { priority: 10 }),
        sampleRequest("c:1", 3),
        sampleRequest("b:1", 2),
        sampleRequest("d:1", 4, { priority: 30 }),
      ]);
      expect(yield* claimNames(fixture, 3)).toEqual(["d:1", "b:1", "c:1"]);
      expect(yield* claimNames(fixture, 3)).toEqual(["a:1"]);
    });

    it("lets nothing wait for ever behind higher priorities", function* (fixture) {
      const urgent = Array.from({ length: 60 }, (_, i) => sampleRequest(`urgent${i}:v1`, i + 10, { priority: 30 }));
      yield* fixture.request([
        ...urgent,
        sampleRequest("drift:v1", 3, { priority: 5 }),
        sampleRequest("normal:v1", 2),
        sampleRequest("low:v1", 4, { priority: 10 }),
      ]);
      const one: Array<string> = [];
      for (let claim = 0; claim < 24; claim++) one.push(...(yield* claimNames(fixture, 1)));
      const inTurn = (names: ReadonlyArray<string>) => names.filter((name) => !name.startsWith("urgent"));
      expect(inTurn(one)).toEqual(["normal:v1", "drift:v1"]); // one in eight, the oldest first
      expect(inTurn(yield* claimNames(fixture, 8))).toEqual(["low:v1"]);
      expect(yield* claimNames(fixture, 8)).toHaveLength(8);
    });

    it("is fair between repositories", function* (fixture) {
      const bulk = Array.from({ length: 200 }, (_, i) => sampleRequest(`bulk:v${i}`, i + 1));
      yield* fixture.request([...bulk, sampleRequest("other:v1", 500), sampleRequest("third:v1", 501)]);
      expect((yield* claimNames(fixture, 4)).toSorted()).toEqual(["bulk:v0", "bulk:v1", "other:v1", "third:v1"]);
      expect(yield* claimNames(fixture, 2)).toEqual(["bulk:v2", "bulk:v3"]);
    });

    it("keeps targets apart", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v1", 1, { target: "west" })]);
      expect((yield* takeOne(fixture, "a", "west")).target).toBe("west");
      expect(yield* claimOne(fixture, "a", "west")).toBeUndefined();
      expect((yield* takeOne(fixture)).target).toBe("east");
    });

    it("gives no work of a paused target, which other targets do not feel", function* (fixture) {
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v1", 1, { target: "west" })]);
      const begun = yield* takeOne(fixture);
      expect(yield* fixture.pause("east")).toBe(true);
      expect(yield* fixture.pause("east")).toBe(false);
      yield* fixture.request([sampleRequest("app:v1", 2), sampleRequest("app:v2", 3), sampleRequest("app:v2", 4)]);
      yield* Effect.orDie(fixture.bus.report(begun, succeeded(begun))); // what was begun is finished
      expect(yield* claimOne(fixture)).toBeUndefined();
      expect((yield* takeOne(fixture, "a", "west")).target).toBe("west");
      expect(yield* fixture.resume("east")).toBe(true);
      expect(yield* fixture.resume("east")).toBe(false);
      expect((yield* claimNames(fixture, 10)).toSorted()).toEqual(["app:v1", "app:v2"]); // one delivery a name
    });

    it("says where the source has a name from, also round a ring", function* (fixture) {
      const at = (registry: string) => ({
        registry,
        repository: sampleRequest("app", 1).repository,
        tag: sampleRequest("app:v1", 1).tag,
      });
      const from = (registry: string, target: string, position: number) =>
        sampleRequest("app:v1", position, { target, source: at(registry) });
      yield* fixture.request([from("a", "b", 1)]);
      const first = yield* takeOne(fixture, "w", "b");
      expect(first.lineage).toBeUndefined();
      yield* Effect.orDie(fixture.bus.intend(first, digestNumber(2), 0));
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first, digestNumber(1))));
      yield* fixture.request([from("b", "c", 2), from("c", "a", 3)]);
      expect((yield* takeOne(fixture, "w", "c")).lineage).toEqual([
        { source: at("a"), owned: [digestNumber(1)] },
        { source: at("c"), owned: [] },
      ]);
      expect((yield* takeOne(fixture, "w", "a")).lineage).toEqual([
        { source: at("b"), owned: [] },
        { source: at("a"), owned: [digestNumber(1)] },
      ]);
    });

    it("gives backfill behind news and repairs, in its turn, and not while it is paused", function* (fixture) {
      const backfill = Array.from({ length: 20 }, (_, i) =>
        sampleRequest(`old${i}:v1`, i + 1, { priority: BACKFILL_PRIORITY_MAX, wakesParked: false }),
      );
      const repair = sampleRequest("drift:v1", 60, { priority: BACKFILL_PRIORITY_MAX + 2, wakesParked: false });
      yield* fixture.request([...backfill, repair, sampleRequest("fresh:v1", 70)]);
      expect(yield* fixture.pause("east", "backfill")).toBe(true);
      expect(yield* claimNames(fixture, 10)).toEqual(["fresh:v1", "drift:v1"]);
      expect(yield* claimNames(fixture, 10)).toEqual([]);
      yield* fixture.request([sampleRequest("old7:v1", 80)]); // a push of what waits is news
      expect(yield* claimNames(fixture, 10)).toEqual(["old7:v1"]);
      expect(yield* fixture.resume("east", "backfill")).toBe(true);
      const news = Array.from({ length: 40 }, (_, i) => sampleRequest(`new${i}:v1`, 100 + i));
      yield* fixture.request(news);
      const order: Array<string> = [];
      for (let claim = 0; claim < 24; claim++) order.push(...(yield* claimNames(fixture, 1)));
      const old = order.filter((name) => name.startsWith("old"));
      expect(old.length).toBeGreaterThanOrEqual(2); // live events flow, and backfill goes on
      expect(old.length).toBeLessThanOrEqual(4);
    });

    it("gives small before huge, by what the last copy of a repository weighed, and huge its turn", function* (fixture) {
      yield* fixture.request([sampleRequest("model:v1", 1), sampleRequest("web:v1", 2)]);
      const model = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(model, weighing(model, HUGE_BYTES_MIN)));
      const web = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(web, weighing(web, HUGE_BYTES_MIN - 1)));
      const small = Array.from({ length: 20 }, (_, i) => sampleRequest(`web:s${i}`, 20 + i));
      yield* fixture.request([sampleRequest("model:v2", 10), ...small, sampleRequest("low:v1", 9, { priority: 10 })]);
      const order: Array<string> = [];
      for (let claim = 0; claim < 20; claim++) order.push(...(yield* claimNames(fixture, 1)));
      expect(order[0]).toBe("web:s0");
      expect(order).toContain("model:v2"); // one in eight waits longest
    });

    it("wakes whoever waits for work of the target", function* (fixture) {
      const woken = yield* Effect.forkChild(Stream.runHead(fixture.bus.wakes("east")), { startImmediately: true });
      // A wake is a hint: ask again until the listener is ready.
      let position = 0;
      while (woken.pollUnsafe() === undefined) {
        position += 1;
        yield* fixture.request([sampleRequest("app:v1", position)]);
        yield* Effect.sleep("5 millis");
      }
      expect((yield* Fiber.join(woken))._tag).toBe("Some");
    });

    it("asks again for what holds the subject of a new referrer, one level deeper", function* (fixture) {
      const ask = (position: number, subject: number, repository = "app") => ({
        registry: "source",
        repository: sampleRequest(repository, 1).repository,
        subject: digestNumber(subject),
        position,
        requestedAt: new Date(),
      });
      yield* fixture.request([sampleRequest("app:v1", 1), sampleRequest("app:v2", 2)]);
      const first = yield* takeOne(fixture);
      yield* Effect.orDie(fixture.bus.report(first, succeeded(first, digestNumber(1), [digestNumber(11)])));
      expect(yield* fixture.referrers("east", [ask(3, 1, "elsewhere"), ask(4, 99)])).toBe(0);
      expect(yield* fixture.referrers("west", [ask(5, 1)])).toBe(0);
      expect(yield* fixture.referrers("east", [ask(6, 11), ask(7, 1)])).toBeGreaterThan(0); // a child and the top
      const second = yield* takeOne(fixture); // v2 is older
      expect(second.tag).toBe("v2");
      const again = yield* takeOne(fixture);
      expect(again).toMatchObject({ tag: "v1", claimed: 7, depth: "referrers" });
      // Its worker may have listed the referrers before this one came.
      yield* fixture.referrers("east", [ask(8, 2)]);
      yield* Effect.orDie(fixture.bus.report(second, succeeded(second, digestNumber(2))));
      expect(yield* takeOne(fixture)).toMatchObject({ tag: "v2", claimed: 8, depth: "referrers" });
    });
  });
};

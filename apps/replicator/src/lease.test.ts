import { BusUnavailable, type DeliveryBus, LeaseLost, makeMemoryDeliveries } from "@drayage/delivery";
import { digestNumber, sampleRequest } from "@drayage/delivery/testing";
import type { WorkItem } from "@drayage/domain";
import { assert, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as TestClock from "effect/testing/TestClock";
import { describe, expect } from "vitest";
import { keepLease, leasedBus } from "./lease.ts";
import { WIDE_GUARD } from "./replicator.test-support.ts";

const item: WorkItem = {
  ...sampleRequest("app:v1", 1),
  delivery: "1",
  generation: 1,
  claimed: 1,
  attempt: 1,
  owned: [],
  leaseUntil: new Date(),
};
const lost = Effect.fail(new LeaseLost({ delivery: "1", generation: 1 }));
const away = Effect.fail(new BusUnavailable({ operation: "extend", cause: undefined }));
const renewed = Effect.succeed(new Date());

/** A bus whose `extend` gives these answers, one after the other. */
const answering = Effect.fnUntraced(function* (...answers: ReadonlyArray<ReturnType<DeliveryBus["extend"]>>) {
  const { bus } = yield* makeMemoryDeliveries({ guard: WIDE_GUARD });
  const waiting = [...answers];
  const calls = { extend: 0 };
  const extend: DeliveryBus["extend"] = () =>
    Effect.suspend(() => {
      calls.extend += 1;
      return waiting.shift() ?? lost;
    });
  return { bus: { ...bus, extend }, calls };
});

describe("a lease", () => {
  it.effect("is prolonged every twenty seconds, outlives a bus that is away, and ends the work when it is lost", () =>
    Effect.gen(function* () {
      const { bus, calls } = yield* answering(renewed, away, renewed);
      const fiber = yield* Effect.forkChild(Effect.flip(keepLease(bus, item)));
      for (const expected of [1, 2, 3]) {
        yield* TestClock.adjust("20 seconds");
        expect(calls.extend).toBe(expected);
        expect(fiber.pollUnsafe()).toBeUndefined();
      }
      yield* TestClock.adjust("20 seconds");
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "LeaseLost");
    }),
  );

  it.effect("that is too short is renewed once at the gates, and a lost one is lost", () =>
    Effect.gen(function* () {
      const { bus, calls } = yield* answering(renewed);
      let [gates, writes] = [0, 0];
      const short: DeliveryBus = {
        ...bus,
        intend: () =>
          Effect.suspend(() => {
            gates += 1;
            return gates === 2 ? Effect.void : lost;
          }),
      };
      const leased = leasedBus(short, () => {
        writes += 1;
      });
      yield* leased.intend(item, digestNumber(1), 60_000);
      expect([gates, calls.extend, writes]).toEqual([2, 1, 1]);
      const error = yield* Effect.flip(leased.intend(item, digestNumber(1), 60_000));
      expect([error._tag, calls.extend, writes]).toEqual(["LeaseLost", 2, 1]);
    }),
  );

  /** A gate whose first answer comes this late. */
  const lateGate = Effect.fnUntraced(function* (
    lateMs: number,
    ...answers: ReadonlyArray<ReturnType<DeliveryBus["extend"]>>
  ) {
    const { bus, calls } = yield* answering(...answers);
    let [asked, writes] = [0, 0];
    const late: DeliveryBus = {
      ...bus,
      intend: (_item, _digest, neededMs) =>
        Effect.delay(
          Effect.sync(() => {
            asked = neededMs;
          }),
          lateMs,
        ),
    };
    const leased = leasedBus(late, () => {
      writes += 1;
    });
    const fiber = yield* Effect.forkChild(Effect.exit(leased.intend(item, digestNumber(1), 60_000)));
    yield* TestClock.adjust(lateMs);
    return { exit: yield* Fiber.join(fiber), calls, asked, writes };
  });

  it.effect("that a gate found long enough a while ago is prolonged before anything is written", () =>
    Effect.gen(function* () {
      const inTime = yield* lateGate(4_000, renewed);
      expect([inTime.calls.extend, inTime.writes]).toEqual([0, 1]);
      // So old may an answer be, so much more is asked for.
      expect(inTime.asked).toBeGreaterThanOrEqual(64_000);
      const late = yield* lateGate(70_000, renewed);
      expect([late.calls.extend, late.writes]).toEqual([1, 1]);
    }),
  );

  it.effect("that was lost while the answer of a gate was on its way writes nothing", () =>
    Effect.gen(function* () {
      const { exit, writes } = yield* lateGate(70_000, lost);
      expect([exit._tag, writes]).toEqual(["Failure", 0]);
    }),
  );
});

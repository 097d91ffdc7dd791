import type { BusUnavailable, DeliveryBus, LeaseLost } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";

/** A lease, and how often it is prolonged: two beats may be lost, and it is still longer than the write of a manifest may take (60 s). */
export const LEASE_MS = 120_000;
const BEAT_MS = 20_000;

/** Prolongs the lease while the work goes on; ends only by failing. */
export const keepLease = (bus: DeliveryBus, item: WorkItem): Effect.Effect<never, LeaseLost> =>
  bus.extend(item, LEASE_MS).pipe(
    Effect.catchTag("BusUnavailable", () => Effect.void), // the next beat may come through; the gates below check the lease anyway
    Effect.delay(BEAT_MS),
    Effect.forever,
  );

/**
 * How old the answer of a gate may be when we act on it: a process that stood still meanwhile (a suspended machine, a long collection) or a
 * database that answered late must not start a request on a lease that has run out since. The gates ask for so much more than the request needs.
 */
const ANSWER_MS = 5_000;

/**
 * The bus as one item sees it, with both gates of invariant 6 (a tag PUT, a DELETE): beats that were lost may have left a lease that is
 * ours and too short for the request, so it is prolonged once before the work counts as lost. `onWrite` is told that a request to the target follows.
 */
export const leasedBus = (bus: DeliveryBus, onWrite: () => void): DeliveryBus => {
  const extend: DeliveryBus["extend"] = (item, leaseMs) =>
    inTime(bus.extend(item, leaseMs), () => extend(item, leaseMs));
  const renewed = <A>(item: WorkItem, gate: Effect.Effect<A, LeaseLost | BusUnavailable>) =>
    Effect.catchTag(gate, "LeaseLost", () => Effect.andThen(extend(item, LEASE_MS), gate)).pipe(
      (answer) => inTime(answer, (given) => Effect.as(extend(item, LEASE_MS), given)),
      Effect.tap(() => Effect.sync(onWrite)),
    );
  return {
    ...bus,
    extend,
    intend: (item, digest, neededMs) => renewed(item, bus.intend(item, digest, neededMs + ANSWER_MS)),
    permitDelete: (item, tags, neededMs) => renewed(item, bus.permitDelete(item, tags, neededMs + ANSWER_MS)),
  };
};

/** An answer that is younger than `ANSWER_MS`, or what `late` makes of it. By the clock of the wall, which goes on while a machine is suspended. */
const inTime = <A, E>(answer: Effect.Effect<A, E>, late: (given: A) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const askedAt = yield* Clock.currentTimeMillis;
    const given = yield* answer;
    return (yield* Clock.currentTimeMillis) - askedAt > ANSWER_MS ? yield* late(given) : given;
  });

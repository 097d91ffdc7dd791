import type { BusUnavailable, DeliveryBus, LeaseLost } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
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
 * The bus as one item sees it, with both gates of invariant 6 (a tag PUT, a DELETE): beats that were lost may have left a lease that is
 * ours and too short for the request, so it is prolonged once before the work counts as lost. `onWrite` is told that a request to the target follows.
 */
export const leasedBus = (bus: DeliveryBus, onWrite: () => void): DeliveryBus => {
  const renewed = <A>(item: WorkItem, gate: Effect.Effect<A, LeaseLost | BusUnavailable>) =>
    Effect.catchTag(gate, "LeaseLost", () => Effect.andThen(bus.extend(item, LEASE_MS), gate)).pipe(
      Effect.tap(() => Effect.sync(onWrite)),
    );
  return {
    ...bus,
    intend: (item, digest, neededMs) => renewed(item, bus.intend(item, digest, neededMs)),
    permitDelete: (item, tags, neededMs) => renewed(item, bus.permitDelete(item, tags, neededMs)),
  };
};

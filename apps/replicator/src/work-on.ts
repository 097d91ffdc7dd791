import type { BusUnavailable, DeliveryBus, LeaseLost, Outcome } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
import { MANIFEST_WRITE_TIMEOUT_MS } from "@drayage/oci-core";
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import * as Schedule from "effect/Schedule";
import { countOutcome } from "./count.ts";
import { keepLease, LEASE_MS, leasedBus } from "./lease.ts";
import { type Done, type Replicate, replicate } from "./replicate.ts";
import type { TargetHealth } from "./target-health.ts";

/** How long we stay quiet when the bus itself cannot be reached. */
export const BUS_RETRY_MS = 1_000;
/** A failover of the database ends within a lease, or the lease does: then somebody else has the work. */
const PATIENTLY = Schedule.spaced(BUS_RETRY_MS).pipe(Schedule.upTo({ times: LEASE_MS / BUS_RETRY_MS }));
/** What a stopping process gives each of its last writes: below the 10 s after which containers are killed. */
const LAST_WRITE_MS = 5_000;

/** One delivery from claim to report. Whatever happens here harms no other delivery. */
export const workOn = (context: Replicate, health: TargetHealth, item: WorkItem): Effect.Effect<void> =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis;
    const isProbe = health.down;
    const done = yield* attempt(context, item);
    const now = yield* Clock.currentTimeMillis;
    health.heard(done.target, item.delivery, now, yield* Random.next);
    // That the target is away is on record already: a probe tells nothing new about its own delivery, so it is handed back untouched.
    if (isProbe && done.target._tag === "Away" && done.outcome._tag === "Failed") {
      return yield* patiently(context.bus.release(item, new Date(now + health.restMs)));
    }
    yield* report(context.bus, item, done.outcome);
    countOutcome(done.outcome, (now - startedAt) / 1000);
  }).pipe(
    Effect.catchTags({
      LeaseLost: () => Effect.logWarning("lost the lease; another worker goes on", about(item)),
      BusUnavailable: (error) =>
        Effect.logWarning(
          "the bus was away for too long; the work is done again once the delivery is handed back or its lease has run out",
          {
            ...about(item),
            operation: error.operation,
          },
        ),
    }),
    Effect.catchDefect((defect) =>
      Effect.logError(
        "a bug ended the work on a delivery; it is tried again when its lease runs out",
        about(item),
        Cause.die(defect),
      ),
    ),
  );

/** The work itself, as long as the lease is ours. It is handed back when we are stopped, or the bus was away at one of its gates. */
const attempt = (context: Replicate, item: WorkItem): Effect.Effect<Done, LeaseLost | BusUnavailable> =>
  Effect.suspend(() => {
    let hasWritten = false;
    const bus = leasedBus(context.bus, () => {
      hasWritten = true;
    });
    // A PUT or DELETE that was cut off may still land: whoever is next waits until it cannot any more (invariant 6).
    const handBack = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      context.bus.release(item, new Date(hasWritten ? now + MANIFEST_WRITE_TIMEOUT_MS : now)),
    );
    return Effect.raceFirst(replicate({ ...context, bus }, item), keepLease(context.bus, item)).pipe(
      Effect.onInterrupt(() => lastWrite(item, handBack)),
      Effect.tapError((error) => (error._tag === "BusUnavailable" ? patiently(handBack) : Effect.void)),
    );
  });

/** What is finished is said, also when we are stopped right now. */
const report = (bus: DeliveryBus, item: WorkItem, outcome: Outcome): Effect.Effect<void, LeaseLost | BusUnavailable> =>
  patiently(bus.report(item, outcome)).pipe(Effect.onInterrupt(() => lastWrite(item, bus.report(item, outcome))));

const patiently = <E extends LeaseLost | BusUnavailable>(write: Effect.Effect<void, E>): Effect.Effect<void, E> =>
  Effect.retry(write, { schedule: PATIENTLY, while: (error) => error._tag === "BusUnavailable" });

/** `LeaseLost`: what was cut off had arrived after all, or somebody else has the delivery. */
const lastWrite = (item: WorkItem, write: Effect.Effect<void, LeaseLost | BusUnavailable>): Effect.Effect<void> =>
  Effect.interruptible(write).pipe(
    Effect.timeout(LAST_WRITE_MS),
    Effect.catchTag("LeaseLost", () => Effect.void),
    Effect.catch((error) =>
      Effect.logWarning("stopped without a word to the bus; the lease will run out", {
        ...about(item),
        because: error._tag,
      }),
    ),
  );

const about = (item: WorkItem) => ({
  delivery: item.delivery,
  generation: item.generation,
  name: `${item.target}/${item.repository}:${item.tag}`,
});

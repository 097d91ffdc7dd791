import type { BusUnavailable, DeliveryBus } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as FiberSet from "effect/FiberSet";
import * as Queue from "effect/Queue";
import * as Random from "effect/Random";
import * as Stream from "effect/Stream";
import { type Replicate, replicate } from "./replicate.ts";
import { TargetHealth } from "./target-health.ts";

/** A lease, and how often it is prolonged: two beats may be lost, and it is still longer than the write of a manifest may take (60 s). */
const LEASE_MS = 120_000;
const BEAT_MS = 20_000;
/** Wakes can be lost (a connection that broke), so we look by ourselves as well. */
const POLL_MS = 1_000;
/** How long we stay quiet when the bus itself cannot be reached. */
const BUS_RETRY_MS = 1_000;

export interface WorkOptions {
  readonly target: string;
  /** Unique for each process: host, pid and a random part. */
  readonly worker: string;
  /** Deliveries at once. Blobs of all of them share the limits of the registries. */
  readonly concurrency: number;
}

/** Claims deliveries of one target and works on them until it is interrupted; then what runs is handed back. */
export const work = Effect.fnUntraced(function* (context: Replicate, options: WorkOptions) {
  const { bus } = context;
  const health = new TargetHealth();
  const signals = yield* Queue.sliding<void>(1);
  const running = yield* FiberSet.make<void, never>();
  const signal = Effect.asVoid(Queue.offer(signals, undefined));
  yield* bus.wakes(options.target).pipe(
    Stream.runForEach(() => signal),
    Effect.forkScoped,
  );
  yield* signal.pipe(Effect.delay(POLL_MS), Effect.forever, Effect.forkScoped);

  const start = (item: WorkItem) => FiberSet.run(running, Effect.ensuring(workOn(context, health, item), signal));

  const claim = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const wait = health.waitMs(now);
    if (wait > 0) return yield* Effect.forkScoped(Effect.delay(signal, wait)).pipe(Effect.asVoid);
    const busy = yield* FiberSet.size(running);
    const limit = (health.down ? 1 : options.concurrency) - busy;
    if (limit <= 0) return;
    const items = yield* bus.claim({ target: options.target, worker: options.worker, limit, leaseMs: LEASE_MS });
    yield* Effect.forEach(items, start, { discard: true });
    if (items.length === limit) yield* signal;
  });

  yield* signal;
  yield* Queue.take(signals).pipe(
    Effect.andThen(claim),
    Effect.catchTag("BusUnavailable", (error) => busIsAway(error)),
    Effect.forever,
  );
}, Effect.scoped);

const busIsAway = (error: BusUnavailable) =>
  Effect.logWarning(`the delivery bus cannot be reached (${error.operation}); trying again`, error.cause).pipe(
    Effect.andThen(Effect.sleep(BUS_RETRY_MS)),
  );

/** One delivery from claim to report. Whatever happens here harms no other delivery. */
const workOn = (context: Replicate, health: TargetHealth, item: WorkItem): Effect.Effect<void> =>
  Effect.gen(function* () {
    const done = yield* Effect.raceFirst(replicate(context, item), beat(context.bus, item));
    if (done._tag === "Answered") health.answered();
    else health.failed(done.failure, yield* Clock.currentTimeMillis, yield* Random.next);
    yield* context.bus.report(item, done.outcome);
  }).pipe(
    Effect.onInterrupt(() => Effect.ignore(handBack(context.bus, item))),
    Effect.catchTag("LeaseLost", () =>
      Effect.logWarning("lost the lease; another worker goes on", {
        delivery: item.delivery,
        generation: item.generation,
      }),
    ),
    Effect.catchTag("BusUnavailable", (error) =>
      Effect.logWarning("could not report; the lease will run out and the work is done again", {
        delivery: item.delivery,
        operation: error.operation,
      }),
    ),
    Effect.catchCause((cause) =>
      Effect.logError("a bug ended the work on a delivery; it is tried again when its lease runs out", {
        delivery: item.delivery,
        cause: Cause.pretty(cause),
      }),
    ),
  );

const handBack = Effect.fnUntraced(function* (bus: DeliveryBus, item: WorkItem) {
  const now = yield* Clock.currentTimeMillis;
  yield* bus.release(item, new Date(now));
});

/** Prolongs the lease while the work goes on; ends only by failing. */
const beat = (bus: DeliveryBus, item: WorkItem) =>
  bus.extend(item, LEASE_MS).pipe(
    Effect.catchTag("BusUnavailable", () => Effect.void), // the next beat may come through; intend() checks the lease anyway
    Effect.delay(BEAT_MS),
    Effect.forever,
  );

import type { BusUnavailable } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as FiberSet from "effect/FiberSet";
import * as Queue from "effect/Queue";
import * as Stream from "effect/Stream";
import { LEASE_MS } from "./lease.ts";
import type { Replicate } from "./replicate.ts";
import { TargetHealth } from "./target-health.ts";
import { BUS_RETRY_MS, workOn } from "./work-on.ts";

/** Wakes can be lost (a connection that broke), so we look by ourselves as well. */
const POLL_MS = 1_000;

export interface WorkOptions {
  readonly target: string;
  /** Unique for each process: host, pid and a random part. */
  readonly worker: string;
  /** Deliveries at once. Blobs of all of them share the limits of the registries. */
  readonly concurrency: number;
  /** How often we look for work without being woken, ms. Default 1,000. */
  readonly pollMs?: number | undefined;
}

/** Claims deliveries of one target and works on them until it is interrupted; then what runs is handed back. */
export const work = Effect.fnUntraced(function* (context: Replicate, options: WorkOptions) {
  const { bus } = context;
  const { target, worker } = options;
  const health = new TargetHealth();
  const signals = yield* Queue.sliding<void>(1);
  const running = yield* FiberSet.make<void, never>();
  // Counted by us and not by the set: a slot has to be free before the signal that says so.
  let busy = 0;
  let alarmAt = 0;
  const signal = Effect.asVoid(Queue.offer(signals, undefined));
  yield* bus.wakes(target).pipe(
    Stream.runForEach(() => signal),
    Effect.forkScoped,
  );
  yield* signal.pipe(Effect.delay(options.pollMs ?? POLL_MS), Effect.forever, Effect.forkScoped);

  const freed = Effect.suspend(() => {
    busy -= 1;
    return signal;
  });
  const start = (item: WorkItem) => {
    busy += 1;
    return FiberSet.run(running, Effect.interruptible(workOn(context, health, item)).pipe(Effect.ensuring(freed)));
  };

  /** One alarm for each probe, however many wakes come while we wait. */
  const wakeAt = (at: number, now: number) => {
    if (alarmAt === at) return Effect.void;
    alarmAt = at;
    return Effect.asVoid(Effect.forkScoped(Effect.delay(signal, at - now)));
  };

  const claim = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const { probeAt } = health;
    if (probeAt > now) return yield* wakeAt(probeAt, now);
    const limit = (health.down ? 1 : options.concurrency) - busy;
    if (limit <= 0) return;
    // In one piece: what is claimed is started, or a stop in between would leave a lease that nobody holds.
    const items = yield* Effect.uninterruptible(
      Effect.tap(bus.claim({ target, worker, limit, leaseMs: LEASE_MS }), (claimed) =>
        Effect.forEach(claimed, start, { discard: true }),
      ),
    );
    if (items.length === limit) yield* signal;
  });

  yield* signal;
  return yield* Queue.take(signals).pipe(
    Effect.andThen(claim),
    Effect.catchTag("BusUnavailable", (error) => busIsAway(error)),
    Effect.forever,
  );
}, Effect.scoped);

const busIsAway = (error: BusUnavailable) =>
  Effect.logWarning(`the delivery bus cannot be reached (${error.operation}); trying again`, error.cause).pipe(
    Effect.andThen(Effect.sleep(BUS_RETRY_MS)),
  );

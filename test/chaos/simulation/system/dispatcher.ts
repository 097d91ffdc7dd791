import {
  decideBatch,
  judgeConflicts,
  RESCAN_TYPES,
  RESCANS_SUBSCRIBER,
  TARGET_TYPES,
  targetSubscriber,
} from "@drayage/dispatcher";
import { type CompiledRoutes, onlyTarget } from "@drayage/domain";
import type { RecordedEvent } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import type { Process } from "../core/process.ts";
import { type Database, LOG_CHANNEL } from "./database.ts";

/** Events of one batch: few, so that there are many commits. */
const BATCH_MOST = 5;
/** Wakes may be lost, so the log is polled as well. ms */
const POLL_MS = 10_000;

interface Subscription {
  readonly subscriber: string;
  readonly types: ReadonlySet<string>;
  readonly dispatch: (events: ReadonlyArray<RecordedEvent>) => void;
}

/**
 * The dispatcher: the decisions are the product's (`decideBatch`, `judgeConflicts`), around them is the same order of transactions as in
 * `dispatch-batch.ts` over the simulated database. Any number run at once, without leadership: the checkpoint alone decides.
 */
export const dispatcher = (process: Process, database: Database, routes: CompiledRoutes): Effect.Effect<never> => {
  const subscriptions: ReadonlyArray<Subscription> = [
    ...[...routes.targets].map((target) => toTarget(database, target, onlyTarget(routes, target))),
    {
      subscriber: RESCANS_SUBSCRIBER,
      types: new Set(RESCAN_TYPES),
      dispatch: (events) => database.rescanWithin(decideBatch(events, routes).rescans),
    },
  ];
  return startingPoints(process, database, subscriptions).pipe(
    Effect.andThen(
      Effect.forEach(subscriptions, (each) => Effect.forever(follow(process, database, each)), {
        concurrency: "unbounded",
        discard: true,
      }),
    ),
    Effect.andThen(Effect.never),
  );
};

const toTarget = (database: Database, target: string, routes: CompiledRoutes): Subscription => ({
  subscriber: targetSubscriber(target),
  types: new Set(TARGET_TYPES),
  dispatch: (events) => {
    const decided = decideBatch(events, routes);
    database.deliveries.referrers(target, decided.referrers);
    const conflicts = database.deliveries.request(decided.deliveries);
    const { free, parked } = judgeConflicts(conflicts, routes);
    database.deliveries.takeOver(free.map((conflict) => conflict.rival));
    database.appendWithin(parked, `/targets/${target}`);
    if (decided.deliveries.length + decided.referrers.length > 0) database.wake(target);
  },
});

/** As `starting-points.ts`: the first installation begins at the beginning, a new target at the head. */
const startingPoints = (process: Process, database: Database, subscriptions: ReadonlyArray<Subscription>) =>
  database
    .transaction(process, "starting points", () => {
      const to = database.checkpoints.has(RESCANS_SUBSCRIBER) ? database.head : 0;
      for (const { subscriber } of subscriptions)
        if (!database.checkpoints.has(subscriber)) database.checkpoints.set(subscriber, to);
    })
    .pipe(Effect.retry({ while: () => Effect.as(Effect.sleep(1_000), true) }), Effect.orDie);

const follow = (process: Process, database: Database, { subscriber, types, dispatch }: Subscription) =>
  Effect.gen(function* () {
    const { from, batch } = yield* database.transaction(process, "read log", () => {
      const at = database.checkpoints.get(subscriber) ?? 0;
      return {
        from: at,
        batch: database.log.filter(({ position, type }) => position > at && types.has(type)).slice(0, BATCH_MOST),
      };
    });
    const to = batch.at(-1)?.position;
    if (to === undefined) {
      const poll = Effect.sleep(POLL_MS * (0.5 + (yield* Random.next)));
      return yield* Effect.raceFirst(poll, database.sleep(process, LOG_CHANNEL));
    }
    yield* database.transaction(process, "dispatch", () => {
      if (database.advanceWithin(subscriber, from, to, batch)) dispatch(batch);
    });
  }).pipe(Effect.catch(() => Effect.sleep(1_000)));

import { type Config, compiledRoutes } from "@drayage/config";
import { lead } from "@drayage/delivery";
import { type CompiledRoutes, onlyTarget } from "@drayage/domain";
import type { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import * as Semaphore from "effect/Semaphore";
import { dispatchRescans, dispatchToTarget } from "./dispatch-batch.ts";
import { BATCHES_MOST, follow, type Subscription } from "./follow.ts";
import { handOut } from "./hand-out.ts";
import { keepRetention } from "./retention.ts";
import { startingPoints } from "./starting-points.ts";
import { RESCAN_TYPES, RESCANS_SUBSCRIBER, TARGET_TYPES, targetSubscriber } from "./subscribers.ts";
import { watchRestore } from "./watch-restore.ts";

/** Name of the leadership; no subscriber is called so. Never change it. */
const RETENTION = "retention";
/** How often the first checkpoints are tried while the database is away. */
const START_AGAIN = Schedule.spaced("1 second");

/**
 * The log becomes deliveries: one subscriber for each target and one for rescans, each with its own checkpoint, fiber and
 * retries. Runs until interrupted; a database that is away is waited for.
 *
 * Where replicators have no database (`bus: pubsub`), it hands work out to them and writes what they say.
 *
 * Any number of dispatchers may run on one database: each subscriber has one leader. Needs the tables of `eventLogMigrations` and
 * `deliveryMigrations`.
 */
export const dispatcher = ({
  config,
}: {
  readonly config: Pick<Config, "registries" | "routes" | "retention" | "dataDir" | "bus" | "guard" | "instance">;
}): Effect.Effect<never, never, Database | EventLog> => {
  const routes = compiledRoutes(config);
  const dispatching = dispatchRoutes(routes, { [RETENTION]: keepRetention(config, subscriptionsOf(routes)) });
  // Each process has a mark of its own, whoever leads.
  return Effect.raceFirst(Effect.raceFirst(dispatching, handOut(config, [...routes.targets])), watchRestore(config));
};

/** The same for routes that are compiled already. `beside`: further work of which there is one on a database, by its name. */
export const dispatchRoutes = Effect.fnUntraced(function* (
  routes: CompiledRoutes,
  beside: Readonly<Record<string, Effect.Effect<never, never, Database | EventLog>>> = {},
): Effect.fn.Return<never, never, Database | EventLog> {
  const subscriptions = new Map(subscriptionsOf(routes).map((each) => [each.subscriber, each]));
  const names = [...subscriptions.keys()];
  yield* startingPoints(names).pipe(
    Effect.tapError((error) => Effect.logWarning(`the dispatcher waits for the database: ${error.message}`)),
    Effect.retry(START_AGAIN),
    Effect.orDie,
  );
  const slots = yield* Semaphore.make(BATCHES_MOST);
  return yield* lead([...names, ...Object.keys(beside)], (name) => {
    const subscription = subscriptions.get(name);
    return subscription === undefined ? (beside[name] ?? Effect.never) : follow(subscription, slots);
  });
});

const subscriptionsOf = (routes: CompiledRoutes): ReadonlyArray<Subscription> => [
  ...[...routes.targets].map((target) => ({
    subscriber: targetSubscriber(target),
    types: TARGET_TYPES,
    dispatch: dispatchToTarget(target, onlyTarget(routes, target)),
  })),
  { subscriber: RESCANS_SUBSCRIBER, types: RESCAN_TYPES, dispatch: dispatchRescans(routes) },
];

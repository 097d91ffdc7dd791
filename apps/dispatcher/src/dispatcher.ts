import { type Config, compiledRoutes } from "@drayage/config";
import { lead } from "@drayage/delivery";
import { type CompiledRoutes, onlyTarget } from "@drayage/domain";
import type { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import { dispatchRescans, dispatchToTarget } from "./dispatch-batch.ts";
import { follow, type Subscription } from "./follow.ts";
import { startingPoints } from "./starting-points.ts";
import { RESCAN_TYPES, RESCANS_SUBSCRIBER, TARGET_TYPES, targetSubscriber } from "./subscribers.ts";

/** How often the first checkpoints are tried while the database is away. */
const START_AGAIN = Schedule.spaced("1 second");

/**
 * The log becomes deliveries: one subscriber for each target and one for rescans, each with its own checkpoint, fiber and
 * retries. Runs until interrupted; a database that is away is waited for.
 *
 * Any number of dispatchers may run on one database: each subscriber has one leader. Needs the tables of `eventLogMigrations` and
 * `deliveryMigrations`.
 */
export const dispatcher = ({
  config,
}: {
  readonly config: Pick<Config, "registries" | "routes">;
}): Effect.Effect<never, never, Database | EventLog> => dispatchRoutes(compiledRoutes(config));

/** The same for routes that are compiled already. */
export const dispatchRoutes = Effect.fnUntraced(function* (
  routes: CompiledRoutes,
): Effect.fn.Return<never, never, Database | EventLog> {
  const subscriptions = new Map(subscriptionsOf(routes).map((each) => [each.subscriber, each]));
  const names = [...subscriptions.keys()];
  yield* startingPoints(names).pipe(
    Effect.tapError((error) => Effect.logWarning(`the dispatcher waits for the database: ${error.message}`)),
    Effect.retry(START_AGAIN),
    Effect.orDie,
  );
  return yield* lead(names, (name) => {
    const subscription = subscriptions.get(name);
    return subscription === undefined ? Effect.never : follow(subscription);
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

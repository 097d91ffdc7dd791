import { type Config, compiledRoutes } from "@drayage/config";
import { openPubSubControl } from "@drayage/delivery/pubsub";
import type { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";

/** How often Google's client is opened anew where that fails. */
const OPEN_AGAIN = Schedule.spaced("5 seconds");

/** The bus between the deliveries and replicators without a database, until interrupted. With the database as the bus there is nothing to do. */
export const handOut = (
  config: Pick<Config, "bus" | "guard" | "routes" | "registries" | "instance">,
  targets: ReadonlyArray<string>,
): Effect.Effect<never, never, Database> => {
  const { bus, guard, instance } = config;
  if (bus._tag === "Database") return Effect.never;
  return openPubSubControl({ ...bus, instance, targets }, { guard, routes: compiledRoutes(config) }).pipe(
    Effect.tapError((error) => Effect.logWarning(`no work can be handed out: ${error.message}`)),
    Effect.retry(OPEN_AGAIN),
    Effect.orDie,
  );
};

import { type CompiledRoutes, type Guard, type WorkItem, workPolicyOf } from "@drayage/domain";
import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { lead } from "../leadership.ts";
import { makePostgresBus } from "../postgres-bus.ts";
import type { PubSubClient } from "./client.ts";
import type { BusNames } from "./names.ts";
import { serveTarget } from "./serve.ts";

export interface PubSubControlOptions {
  readonly client: PubSubClient;
  readonly names: ReadonlyArray<BusNames>;
  readonly instance: string;
  readonly guard: Guard;
  readonly routes: CompiledRoutes;
}

/**
 * The control side of the bus: hands out what is due to the replicators of each target, and writes what they say. Runs beside the
 * dispatcher, in any number of processes: each target has one leader. Until interrupted.
 */
export const pubSubControl = Effect.fnUntraced(function* ({
  client,
  names,
  instance,
  guard,
  routes,
}: PubSubControlOptions): Effect.fn.Return<never, never, Database> {
  const database = yield* Database;
  const bus = makePostgresBus(database, guard);
  const control = { database, bus, client, instance, policyOf: (item: WorkItem) => workPolicyOf(routes, item) };
  const served = new Map(names.map((each) => [`bus/${each.target}`, each]));
  return yield* lead([...served.keys()], (name) => {
    const each = served.get(name);
    return each === undefined ? Effect.never : serveTarget({ ...control, names: each });
  });
});

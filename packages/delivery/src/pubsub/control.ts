import type { WorkItem, WorkPolicy } from "@drayage/domain";
import type { DatabaseError, DatabaseShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { BusUnavailable, type DeliveryBus } from "../bus.ts";
import type { PubSubClient } from "./client.ts";
import type { BusNames } from "./names.ts";

/** What the control side of one target works with: the books, by the bus over PostgreSQL and its tables, and Pub/Sub. */
export interface Control {
  readonly database: Pick<DatabaseShape, "kysely" | "attempt">;
  /** Over the same database. */
  readonly bus: DeliveryBus;
  readonly client: PubSubClient;
  readonly names: BusNames;
  readonly instance: string;
  /** The rules that go with an item; undefined where the route is gone, and the replicator says so. */
  readonly policyOf: (item: WorkItem) => WorkPolicy | undefined;
}

/** A query beside the bus, with the bus's error. */
export const query = <A>(
  { database }: Pick<Control, "database">,
  operation: string,
  run: (db: DatabaseShape["kysely"]) => Promise<A>,
): Effect.Effect<A, BusUnavailable> =>
  Effect.catch(
    database.attempt(operation, () => run(database.kysely)),
    (cause: DatabaseError) => Effect.fail(new BusUnavailable({ operation, cause })),
  );

import { type Config, compiledRoutes } from "@drayage/config";
import {
  type CompiledRoutes,
  type DomainEvent,
  encodeEvent,
  onlyTarget,
  type ReconciliationScope,
} from "@drayage/domain";
import type {
  DatabaseError,
  DatabaseShape,
  EventInvalid,
  EventLogShape,
  LogUnavailable,
  NewEvent,
} from "@drayage/event-log";
import type { Registry } from "@drayage/oci-core";
import type { Registries } from "@drayage/registries";
import { metrics } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { databaseBooks } from "./books.ts";
import type { Difference } from "./compare-repository.ts";
import { type Extent, type Report, reconcile } from "./reconcile.ts";

/** What a reconciliation that has its drift repaired works with. */
export interface Reconciler {
  readonly config: Config;
  readonly database: DatabaseShape;
  readonly log: EventLogShape;
  readonly registries: Registries;
}

/** The registries of a configuration by name, connected. */
export const openAll = Effect.fnUntraced(function* (config: Config, registries: Registries) {
  const opened = yield* Effect.forEach(Object.keys(config.registries), (name) =>
    Effect.map(registries.get(name), (registry) => [name, registry] as const),
  );
  return new Map<string, Registry>(opened);
});

/** The routes that a scope leaves: one target's, one route's, or all. */
export const routesOf = (config: Config, scope: ReconciliationScope): CompiledRoutes => {
  const chosen =
    scope.route === undefined
      ? config
      : { ...config, routes: config.routes.filter(({ name }) => name === scope.route) };
  const compiled = compiledRoutes(chosen);
  return scope.target === undefined ? compiled : onlyTarget(compiled, scope.target);
};

/** One reconciliation whose drift is appended to the log, between its `Started` and `Completed`. Repairs follow by the usual way (idea 3). */
export const reconcileAndAppend = Effect.fnUntraced(function* (
  { config, database, log, registries }: Reconciler,
  scope: ReconciliationScope,
  extent?: Extent,
) {
  const opened = yield* openAll(config, registries);
  const append = (events: ReadonlyArray<DomainEvent>) => log.append(events.map(toNewEvent));
  const report = yield* reconcile<DatabaseError | EventInvalid | LogUnavailable>(
    {
      ...databaseBooks(database),
      routes: routesOf(config, scope),
      registryOf: (name) => opened.get(name),
      onDifferences: (reconciliation, found) => {
        for (const { target, kind } of found) metrics.drift.add(1, { target, kind });
        // Parked is reported as parked: asking again would not wake it.
        return Effect.asVoid(append(found.filter(({ parked }) => !parked).map((one) => driftOf(reconciliation, one))));
      },
    },
    scope,
    extent,
  );
  yield* append([completed(report)]);
  return report;
});

const driftOf = (reconciliation: string, { parked: _, ...difference }: Difference): DomainEvent => ({
  _tag: "DriftFound",
  reconciliation,
  ...difference,
});

const completed = (report: Report): DomainEvent => ({ _tag: "ReconciliationCompleted", ...report });

const toNewEvent = (event: DomainEvent): NewEvent => ({
  ...encodeEvent(event),
  source: "/reconciler",
  actor: "reconciler",
  correlationId: "reconciliation" in event ? event.reconciliation : undefined,
});

import { type Config, compiledRoutes } from "@drayage/config";
import { adoptWithin, markReconciled, type Routing } from "@drayage/delivery";
import {
  type CompiledRoutes,
  type DomainEvent,
  encodeEvent,
  onlyTarget,
  type ReconciliationScope,
} from "@drayage/domain";
import {
  appendWithin,
  type DatabaseError,
  type DatabaseShape,
  type EventInvalid,
  type EventLogShape,
  type LogUnavailable,
  type NewEvent,
} from "@drayage/event-log";
import type { Registry } from "@drayage/oci-core";
import type { Registries } from "@drayage/registries";
import { metrics } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { databaseBooks } from "./books.ts";
import type { Difference, Equal } from "./look.ts";
import { type Extent, type Report, reconcile } from "./reconcile.ts";

/** What a reconciliation that has its drift repaired works with. */
export interface Reconciler {
  readonly config: Config;
  readonly database: DatabaseShape;
  readonly log: EventLogShape;
  readonly registries: Registries;
}

/** Of one append, which is one transaction: a repository that lost everything must not hold up what others append. */
const EVENTS_AT_ONCE = 500;

/** The registries of a configuration by name, connected. */
export const openAll = Effect.fnUntraced(function* (config: Config, registries: Registries) {
  const opened = yield* Effect.forEach(Object.keys(config.registries), (name) =>
    Effect.map(registries.get(name), (registry) => [name, registry] as const),
  );
  return new Map<string, Registry>(opened);
});

/** The routes that a scope looks at: all, as one target or as every target sees them. A scope of one route still needs the others, which may take a name before it. */
export const routesOf = (config: Config, scope: ReconciliationScope): CompiledRoutes =>
  scope.target === undefined ? compiledRoutes(config) : onlyTarget(compiledRoutes(config), scope.target);

/** Names of all targets, sorted. */
export const targetsOf = (config: Pick<Config, "routes">): ReadonlyArray<string> =>
  [...new Set(config.routes.flatMap((route) => route.to.map(({ registry }) => registry)))].sort();

/** What the targets of a configuration are routed by. */
export const routingOf = ({ routes, registries }: Pick<Config, "routes" | "registries">): Routing => ({
  routes,
  addressOf: (name) => registries[name]?.url.href,
});

/** One reconciliation whose drift is appended to the log, between its `Started` and `Completed`; without a `Completed` it was cut off. Repairs follow by the usual way (idea 3). */
export const reconcileAndAppend = Effect.fnUntraced(function* (
  context: Reconciler,
  scope: ReconciliationScope,
  extent?: Extent,
) {
  const { config, database, log, registries } = context;
  const opened = yield* openAll(config, registries);
  const report = yield* reconcile<DatabaseError | EventInvalid | LogUnavailable>(
    {
      ...databaseBooks(database),
      routes: routesOf(config, scope),
      registryOf: (name) => opened.get(name),
      onStarted: (reconciliation) =>
        Effect.asVoid(log.append([toNewEvent({ _tag: "ReconciliationStarted", reconciliation, scope })])),
      onDifferences: Effect.fnUntraced(function* (reconciliation, found) {
        // Parked is reported as parked: asking again would not wake it.
        const events = found
          .filter(({ parked }) => !parked)
          .map((one) => toNewEvent(driftOf(reconciliation, one, scope)));
        for (let n = 0; n < events.length; n += EVENTS_AT_ONCE) yield* log.append(events.slice(n, n + EVENTS_AT_ONCE));
        for (const { target, kind } of found) metrics.drift.add(1, { target, kind });
      }),
      onAdoptable: (reconciliation, found) => adopt(context, reconciliation, found),
    },
    scope,
    extent,
  );
  yield* complete(context, report);
  return report;
});

/** Into the books and into the log, together or not at all. What is under way for a name goes before. */
const adopt = Effect.fnUntraced(function* (
  { database }: Reconciler,
  reconciliation: string,
  found: ReadonlyArray<Equal>,
) {
  for (let n = 0; n < found.length; n += EVENTS_AT_ONCE) {
    yield* database.transaction("adopt equal tags", async (trx) => {
      const adopted = await adoptWithin(trx, found.slice(n, n + EVENTS_AT_ONCE));
      const events = adopted.map((one) => toNewEvent({ _tag: "TagAdopted", ...one, reconciliation }));
      if (events.length > 0) await appendWithin(trx, events);
    });
  }
});

/** The event and what it says of whole targets, together or not at all. */
const complete = ({ config, database }: Reconciler, report: Report) =>
  database.transaction("complete a reconciliation", async (trx) => {
    const { incompleteTargets, ...counts } = report;
    const [appended] = await appendWithin(trx, [toNewEvent({ _tag: "ReconciliationCompleted", ...counts })]);
    const finished = wholeTargets(config, report.scope);
    if (appended === undefined || finished.length === 0) return;
    await markReconciled(trx, routingOf(config), {
      position: appended.position,
      finished,
      complete: finished.filter((target) => !incompleteTargets.includes(target)),
    });
  });

const wholeTargets = (config: Config, { kind, target, route }: ReconciliationScope): ReadonlyArray<string> =>
  kind === "full" && route === undefined
    ? targetsOf(config).filter((name) => target === undefined || name === target)
    : [];

const driftOf = (
  reconciliation: string,
  { parked: _, ...difference }: Difference,
  { backfill }: ReconciliationScope,
): DomainEvent => ({
  _tag: "DriftFound",
  reconciliation,
  ...difference,
  backfill,
});

const toNewEvent = (event: DomainEvent): NewEvent => ({
  ...encodeEvent(event),
  source: "/reconciler",
  actor: "reconciler",
  correlationId: "reconciliation" in event ? event.reconciliation : undefined,
});

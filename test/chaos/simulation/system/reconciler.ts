import type { BusUnavailable } from "@drayage/delivery";
import { type CompiledRoutes, type DomainEvent, onlyTarget, type ReconciliationScope } from "@drayage/domain";
import type { Registry } from "@drayage/oci-core";
import { type Extent, type Reconcile, reconcile } from "@drayage/reconciler";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import type { Process } from "../core/process.ts";
import type { Database, RescanRow } from "./database.ts";

const RESCAN_POLL_MS = 8_000;
const RESCAN_LEASE_MS = 60_000;
const RESCAN_AGAIN_MS = 30_000;
const CATCH_UP_EVERY_MS = 20_000;

export interface ReconcilerOptions {
  readonly process: Process;
  readonly database: Database;
  readonly routes: CompiledRoutes;
  readonly registryOf: (name: string) => Registry | undefined;
  /** ms between full reconciliations; undefined: only what was never reconciled, and rescans. */
  readonly fullEvery: number | undefined;
}

/**
 * The reconciler: comparisons are the product's (`reconcile`), their books and their drift go to the simulated database as in `run.ts`.
 */
export const reconciler = (options: ReconcilerOptions): Effect.Effect<never> => {
  const { fullEvery } = options;
  const full = Effect.gen(function* () {
    yield* Effect.sleep((fullEvery ?? 0) * (0.5 + (yield* Random.next)));
    yield* run(options, { kind: "full" });
  });
  const jobs = [
    Effect.forever(quietly(catchUp(options), CATCH_UP_EVERY_MS)),
    Effect.forever(quietly(oneRescan(options), RESCAN_POLL_MS)),
    ...(fullEvery === undefined ? [] : [Effect.forever(quietly(full, 0))]),
  ];
  return Effect.andThen(Effect.all(jobs, { concurrency: "unbounded", discard: true }), Effect.never);
};

const quietly = <A>(job: Effect.Effect<A, BusUnavailable>, restMs: number): Effect.Effect<void> =>
  Effect.andThen(
    Effect.catch(job, () => Effect.void),
    Effect.sleep(Math.max(restMs, 1_000)),
  );

/** One comparison whose drift is appended. Returns its report. */
export const run = (
  { process, database, routes, registryOf }: ReconcilerOptions,
  scope: ReconciliationScope,
  extent?: Extent,
) => {
  const write = (what: string, events: ReadonlyArray<DomainEvent>) =>
    database.transaction(process, what, () => database.appendWithin(events, "/reconciler"));
  const context: Reconcile<BusUnavailable> = {
    routes: scope.target === undefined ? routes : onlyTarget(routes, scope.target),
    registryOf,
    ...booksOf(process, database),
    onDifferences: (reconciliation, found) =>
      write(
        "drift",
        found
          .filter(({ parked }) => !parked)
          .map(({ parked: _, ...one }): DomainEvent => ({ _tag: "DriftFound", reconciliation, ...one })),
      ),
    onAdoptable: (reconciliation, found) =>
      database.transaction(process, "adopt", () => {
        const adopted = database.deliveries.adopt(found);
        const events = adopted.map((one): DomainEvent => ({ _tag: "TagAdopted", ...one, reconciliation }));
        database.appendWithin(events, "/reconciler");
      }),
  };
  return reconcile(context, scope, extent);
};

/** Our books, as `books.ts` reads them. */
const booksOf = (process: Process, database: Database): Pick<Reconcile<BusUnavailable>, "books" | "known"> => ({
  books: ({ registry, repository }) =>
    database.transaction(process, "books", () =>
      database.deliveries
        .rows()
        .filter(({ source }) => source.registry === registry && source.repository === repository)
        .map(({ target, repository: at, tag, source, route, state, held, intended }) => ({
          target,
          repository: at,
          tag,
          source,
          route,
          owned: [...new Set([...(held === undefined ? [] : [held]), ...intended])],
          pending: state === "pending" || state === "leased",
          parked: state === "parked",
        })),
    ),
  known: (registry) =>
    database.transaction(process, "known", () => {
      const ours = database.deliveries.rows().filter(({ source }) => source.registry === registry);
      return [...new Set(ours.map(({ source }) => source.repository))].sort();
    }),
});

/** A target that never was compared completely: as `unfinished.ts`. */
const catchUp = Effect.fnUntraced(function* (options: ReconcilerOptions) {
  const { process, database, routes } = options;
  const unknown = yield* database.transaction(process, "reconciled", () =>
    [...routes.targets].filter((target) => !database.reconciled.has(target)),
  );
  for (const target of unknown) {
    const report = yield* run(options, { kind: "full", target });
    if (report.completeness === "complete")
      yield* database.transaction(process, "mark reconciled", () => void database.reconciled.add(target));
  }
});

/** As `rescan.ts`: leased, done only when the comparison was complete. */
const oneRescan = Effect.fnUntraced(function* (options: ReconcilerOptions) {
  const { process, database } = options;
  const { world } = process;
  const taken = yield* database.transaction(process, "claim rescan", () => {
    const free = [...database.rescans.values()].find(
      (row) => row.requested > row.done && row.leaseUntil <= world.now && row.dueAt <= world.now,
    );
    if (free === undefined) return undefined;
    free.leaseUntil = world.now + RESCAN_LEASE_MS;
    return { row: free, requested: free.requested };
  });
  if (taken === undefined) return;
  const { row, requested } = taken;
  const scope: ReconciliationScope = { kind: "rescan", repository: `${row.registry}/${row.repository}` };
  const report = yield* run(options, scope, { _tag: "Some", registry: row.registry, repositories: [row.repository] });
  yield* database.transaction(process, "finish rescan", () => finish(row, requested, report.completeness, world.now));
});

const finish = (row: RescanRow, requested: number, completeness: "complete" | "incomplete", now: number): void => {
  row.leaseUntil = 0;
  if (completeness === "complete") row.done = Math.max(row.done, requested);
  else row.dueAt = now + RESCAN_AGAIN_MS;
};

import { randomUUID } from "node:crypto";
import type { DriftKind, ReconciliationScope } from "@drayage/domain";
import type { Registry, RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { type Comparison, compareRepository, type Difference } from "./compare-repository.ts";
import { repositoriesOf } from "./repositories.ts";

/** Source repositories compared at once. */
const REPOSITORIES_AT_ONCE = 4;
/** Problems kept of one run: the first ones tell the story. */
const PROBLEMS_MOST = 100;

export interface Reconcile<E> extends Comparison<E> {
  /** Source repositories that our books know, of one registry. */
  readonly known: (registry: string) => Effect.Effect<ReadonlyArray<RepositoryName>, E>;
  /** Told as found, repository by repository; the caller appends, prints or both. */
  readonly onDifferences: (reconciliation: string, found: ReadonlyArray<Difference>) => Effect.Effect<void, E>;
}

/** Which repositories. Everything that the routes select, or some of one registry. */
export type Extent =
  | { readonly _tag: "All" }
  | { readonly _tag: "Some"; readonly registry: string; readonly repositories: ReadonlyArray<RepositoryName> };

export interface Report {
  readonly reconciliation: string;
  readonly scope: ReconciliationScope;
  readonly compared: number;
  readonly drift: Readonly<Partial<Record<DriftKind, number>>>;
  readonly completeness: "complete" | "incomplete";
  readonly problems: ReadonlyArray<string>;
  readonly durationMs: number;
}

/**
 * Compares both sides, as far as the compiled routes and the extent reach, and tells every difference. Copies nothing (DESIGN.md section 2,
 * idea 3). What could not be read is a problem of the report and never a difference.
 */
export const reconcile = Effect.fnUntraced(function* <E>(
  context: Reconcile<E>,
  scope: ReconciliationScope,
  extent: Extent = { _tag: "All" },
) {
  const reconciliation = randomUUID();
  const started = yield* Clock.currentTimeMillis;
  const drift: Partial<Record<DriftKind, number>> = {};
  const problems: Array<string> = [];
  let compared = 0;

  const one = Effect.fnUntraced(function* (source: Registry, repository: RepositoryName) {
    const done = yield* compareRepository(context, source, repository);
    compared += done.compared;
    problems.push(...done.problems);
    for (const { kind } of done.differences) drift[kind] = (drift[kind] ?? 0) + 1;
    if (done.differences.length > 0) yield* context.onDifferences(reconciliation, done.differences);
  });
  const noted = (source: Registry, repository: RepositoryName) =>
    one(source, repository).pipe(
      Effect.catchIf(isRegistryError, (error) => Effect.sync(() => void problems.push(error.message))),
    );

  for (const name of context.routes.bySource.keys()) {
    const source = context.registryOf(name);
    if (source === undefined || (extent._tag === "Some" && extent.registry !== name)) continue;
    const repositories =
      extent._tag === "Some" ? extent.repositories : yield* everyRepository(context, source, problems);
    yield* Effect.forEach(repositories, (repository) => noted(source, repository), {
      concurrency: REPOSITORIES_AT_ONCE,
      discard: true,
    });
  }
  return {
    reconciliation,
    scope,
    compared,
    drift,
    completeness: problems.length === 0 ? "complete" : "incomplete",
    problems: problems.slice(0, PROBLEMS_MOST),
    durationMs: (yield* Clock.currentTimeMillis) - started,
  } satisfies Report;
});

const everyRepository = Effect.fnUntraced(function* <E>(
  context: Reconcile<E>,
  source: Registry,
  problems: Array<string>,
) {
  const found = yield* repositoriesOf(source, context.routes, yield* context.known(source.name));
  problems.push(...found.problems);
  return found.names;
});

const isRegistryError = (error: unknown): error is RegistryError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RegistryError";

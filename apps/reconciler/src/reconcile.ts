import { randomUUID } from "node:crypto";
import { type CompiledRoutes, type DriftKind, type ReconciliationScope, selectsRepository } from "@drayage/domain";
import type { RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { type Comparison, compareRepository } from "./compare-repository.ts";
import type { Difference, Equal } from "./look.ts";
import { makeProblems } from "./problems.ts";
import { repositoriesOf } from "./repositories.ts";
import { givingUp, type Side } from "./side.ts";

/** Repositories of one source compared at once. */
const REPOSITORIES_AT_ONCE = 4;

export interface Reconcile<E> extends Comparison<E> {
  /** Source repositories that our books know, of one registry. */
  readonly known: (registry: string) => Effect.Effect<ReadonlyArray<RepositoryName>, E>;
  /** Told before anything is asked of a registry. */
  readonly onStarted?: ((reconciliation: string) => Effect.Effect<void, E>) | undefined;
  /** Told as found, repository by repository; the caller appends, prints or both. */
  readonly onDifferences: (reconciliation: string, found: ReadonlyArray<Difference>) => Effect.Effect<void, E>;
  /** Told of tags that are in step and not in our books: `existing` says that they become ours. Default: they stay as they are. */
  readonly onAdoptable?: ((reconciliation: string, found: ReadonlyArray<Equal>) => Effect.Effect<void, E>) | undefined;
}

/** Which repositories. Everything that the routes select, or some of one registry. */
export type Extent =
  | { readonly _tag: "All" }
  | { readonly _tag: "Some"; readonly registry: string; readonly repositories: ReadonlyArray<RepositoryName> };

export interface Report {
  readonly reconciliation: string;
  readonly scope: ReconciliationScope;
  /** Names of which both sides could be read. */
  readonly compared: number;
  readonly drift: Readonly<Partial<Record<DriftKind, number>>>;
  readonly completeness: "complete" | "incomplete";
  /** The first ones, a line each. */
  readonly problems: ReadonlyArray<string>;
  /** Targets that the problems concern: of the others everything is known. */
  readonly incompleteTargets: ReadonlyArray<string>;
  readonly durationMs: number;
}

/**
 * Compares both sides, as far as the compiled routes, the scope and the extent reach, and tells every difference. Copies nothing (DESIGN.md
 * section 2, idea 3). What could not be read is a problem of the report and never a difference.
 */
export const reconcile = Effect.fnUntraced(function* <E>(
  context: Reconcile<E>,
  scope: ReconciliationScope,
  extent: Extent = { _tag: "All" },
): Effect.fn.Return<Report, E> {
  const reconciliation = randomUUID();
  const started = yield* Clock.currentTimeMillis;
  const drift: Partial<Record<DriftKind, number>> = {};
  const problems = makeProblems();
  let compared = 0;
  const comparison = { ...context, ...registriesOf(context), route: scope.route, problems };
  if (context.onStarted !== undefined) yield* context.onStarted(reconciliation);

  const one = Effect.fnUntraced(function* (source: Side, repository: RepositoryName) {
    const done = yield* compareRepository(comparison, source, repository);
    compared += done.compared;
    for (const { kind } of done.differences) drift[kind] = (drift[kind] ?? 0) + 1;
    if (done.differences.length > 0) yield* context.onDifferences(reconciliation, done.differences);
    if (done.adoptable.length > 0 && context.onAdoptable !== undefined)
      yield* context.onAdoptable(reconciliation, done.adoptable);
  });
  const allOf = Effect.fnUntraced(function* (name: string) {
    const targets = targetsFrom(context.routes, name, scope.route);
    const note = (message: string): void => problems.note({ message, targets });
    const source = comparison.registryOf(name);
    if (source === undefined) return note(`registry ${name} is not configured`);
    const known = extent._tag === "Some" ? [] : yield* context.known(name);
    const found =
      extent._tag === "Some"
        ? { names: extent.repositories.filter((each) => selectsRepository(context.routes, name, each)), problems: [] }
        : yield* repositoriesOf(source, context.routes, known, scope.route);
    found.problems.forEach(note);
    yield* Effect.forEach(
      found.names,
      (repository) =>
        Effect.catchIf(one(source, repository), isRegistryError, ({ message }) => Effect.sync(() => note(message))),
      { concurrency: REPOSITORIES_AT_ONCE, discard: true },
    );
  });

  const sources = [...context.routes.bySource.keys()].filter(
    (name) =>
      targetsFrom(context.routes, name, scope.route).length > 0 && (extent._tag === "All" || extent.registry === name),
  );
  // A source that is slow or down holds no other up.
  yield* Effect.forEach(sources, allOf, { concurrency: "unbounded", discard: true });
  return {
    reconciliation,
    scope,
    compared,
    drift,
    completeness: problems.any() ? "incomplete" : "complete",
    problems: problems.messages(),
    incompleteTargets: problems.targets(),
    durationMs: (yield* Clock.currentTimeMillis) - started,
  };
});

/** Registries as one run sees them: what does not answer is not asked again and again. */
const registriesOf = <E>(context: Comparison<E>): Pick<Comparison<E>, "registryOf"> => {
  const sides = new Map<string, Side>();
  return {
    registryOf: (name) => {
      const known = sides.get(name);
      if (known !== undefined) return known;
      const registry = context.registryOf(name);
      if (registry === undefined) return undefined;
      const side = givingUp(registry);
      sides.set(name, side);
      return side;
    },
  };
};

/** Targets that a source feeds. */
const targetsFrom = (routes: CompiledRoutes, source: string, only: string | undefined): ReadonlyArray<string> => [
  ...new Set(
    (routes.bySource.get(source) ?? [])
      .filter(({ route }) => only === undefined || route.name === only)
      .flatMap(({ targets }) => targets.map(({ target }) => target.registry)),
  ),
];

const isRegistryError = (error: unknown): error is RegistryError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RegistryError";

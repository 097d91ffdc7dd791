import { type CompiledRoutes, isEcho } from "@drayage/domain";
import type { RegistryError } from "@drayage/oci-core";
import type { RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Cache from "effect/Cache";
import * as Effect from "effect/Effect";
import { type Difference, type Equal, firstLook, type Looks, secondLook } from "./look.ts";
import { type Booked, byKey, keyOf, type Name, namesOf } from "./names.ts";
import type { Problems } from "./problems.ts";
import { type Side, tagsOf } from "./side.ts";

/** The books of one source repository, all targets. Without a database: empty. */
export type Books<E> = (source: {
  readonly registry: string;
  readonly repository: RepositoryName;
}) => Effect.Effect<ReadonlyArray<Booked>, E>;

export interface Comparison<E> {
  readonly routes: CompiledRoutes;
  readonly registryOf: (name: string) => Side | undefined;
  readonly books: Books<E>;
  /** The books of a repository as a target: what we brought there. Default: nothing is known. */
  readonly delivered?: Books<E> | undefined;
}

export interface Compared {
  /** Names of which both sides are known. */
  readonly compared: number;
  /** Sorted by target, repository and tag. */
  readonly differences: ReadonlyArray<Difference>;
  /** In step, and not in our books yet. */
  readonly adoptable: ReadonlyArray<Equal>;
}

/**
 * Compares one source repository with every target name that it maps to. Requests: one list a side; where that has no digests, one HEAD a side for
 * each tag that both list; and two more for each difference, of which no list is proof. A target that cannot be read is a problem of that target alone and delays no other.
 */
export const compareRepository = Effect.fnUntraced(function* <E>(
  comparison: Comparison<E> & { readonly route?: string | undefined; readonly problems: Problems },
  source: Side,
  repository: RepositoryName,
): Effect.fn.Return<Compared, E | RegistryError> {
  const { routes, route, problems } = comparison;
  const place = { registry: source.name, repository };
  const readBooks = Effect.map(comparison.books(place), byKey);
  const books = yield* readBooks;
  const tags = yield* tagsOf(source, repository);
  const names = namesOf({ routes, route, source: place, tags: new Set(tags.keys()), books });
  // Several targets ask for the same source tag: it is asked for once.
  const seen = yield* Cache.make({
    capacity: Math.max(names.length, 1),
    lookup: (tag: Tag) => source.resolve(repository, tag),
  });
  const sourceHas: Looks["sourceHas"] = (tag) => {
    const digest = tags.get(tag);
    return digest === undefined ? Cache.get(seen, tag) : Effect.succeed({ digest });
  };
  const looks: Looks = { source, repository, routes, problems, sourceHas };

  const first = yield* eachTarget(comparison, names, (target, own) => firstLook(looks, target, own, books));
  const candidates = first.flatMap((one) => one.candidates);
  const adoptable = first.flatMap((one) => one.adopt);
  if (candidates.length === 0) return { compared: sum(first), differences: [], adoptable };
  // Read again: a delivery that began or ended since has changed what is ours and what is on its way.
  const now = yield* readBooks;
  const found = yield* eachTarget(comparison, candidates, (target, own) => secondLook(looks, target, own, now));
  const differences = yield* withoutEchoes(comparison, place, found.flat().toSorted(byName));
  return { compared: sum(first), differences, adoptable };
});

/** Between registries that feed each other, what we brought to one is no wish for the other (`isEcho`): the replicator would do nothing. */
const withoutEchoes = <E>(
  { delivered }: Comparison<E>,
  place: { readonly registry: string; readonly repository: RepositoryName },
  differences: ReadonlyArray<Difference>,
): Effect.Effect<ReadonlyArray<Difference>, E> => {
  if (delivered === undefined || differences.length === 0) return Effect.succeed(differences);
  return Effect.map(delivered(place), (books) => {
    const lineage = new Map(books.map(({ tag, source, owned }) => [tag, [{ source, owned }]]));
    return differences.filter(
      (one) => one.wanted === undefined || !isEcho({ ...one, lineage: lineage.get(one.source.tag) }, one.wanted),
    );
  });
};

/** All targets at once, each at its own pace. */
const eachTarget = <A, E>(
  comparison: Pick<Comparison<E>, "registryOf"> & { readonly problems: Problems },
  names: ReadonlyArray<Name>,
  f: (target: Side, names: ReadonlyArray<Name>) => Effect.Effect<A>,
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.forEach(
    [...Map.groupBy(names, ({ target }) => target)].flatMap(([name, own]) => {
      const target = comparison.registryOf(name);
      if (target !== undefined) return [f(target, own)];
      comparison.problems.note({ message: `registry ${name} is not configured`, targets: [name] });
      return [];
    }),
    (work) => work,
    { concurrency: "unbounded" },
  );

const sum = (looks: ReadonlyArray<{ readonly compared: number }>): number =>
  looks.reduce((all, { compared }) => all + compared, 0);
const byName = (a: Difference, b: Difference): number => {
  const [left, right] = [`${a.target} ${keyOf(a)}`, `${b.target} ${keyOf(b)}`];
  return left < right ? -1 : left > right ? 1 : 0;
};

import { type CompiledRoutes, compare, type DriftKind, type Mapped, mapTag, type SourceTag } from "@drayage/domain";
import type { Registry, RegistryError } from "@drayage/oci-core";
import { type Digest, isDigestTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Cache from "effect/Cache";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

/** One difference, with all that an operator or a replicator needs to know of it. */
export interface Difference {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly kind: DriftKind;
  readonly source: SourceTag;
  readonly route: string;
  readonly wanted?: Digest | undefined;
  readonly held?: Digest | undefined;
  /** A delivery of it gave up and waits for a person. */
  readonly parked: boolean;
}

/** What our books say of a name at a target. */
export interface Booked {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  /** What we put or adopted there, or were about to. */
  readonly owned: ReadonlyArray<Digest>;
  /** A request that no worker has answered yet: whatever differs is on its way. */
  readonly pending: boolean;
  readonly parked: boolean;
}

/** The books of one source repository, all targets. Without a database: empty. */
export type Books<E> = (source: {
  readonly registry: string;
  readonly repository: RepositoryName;
}) => Effect.Effect<ReadonlyArray<Booked>, E>;

export interface Comparison<E> {
  readonly routes: CompiledRoutes;
  readonly registryOf: (name: string) => Registry | undefined;
  readonly books: Books<E>;
}

export interface Compared {
  /** Names looked at. */
  readonly compared: number;
  readonly differences: ReadonlyArray<Difference>;
  readonly problems: ReadonlyArray<string>;
}

/** HEAD requests of one repository in flight; the registries' own limits hold all repositories together. */
const HEADS_AT_ONCE = 16;

/**
 * Compares one source repository with every target name that it maps to. Requests: one list a side, then one HEAD a side for each tag that
 * both list. A target that cannot be read is a problem of that target alone.
 */
export const compareRepository = Effect.fnUntraced(function* <E>(
  comparison: Comparison<E>,
  source: Registry,
  repository: RepositoryName,
) {
  const books = (yield* comparison.books({ registry: source.name, repository })).filter(({ target }) =>
    comparison.routes.targets.has(target),
  );
  const tags = yield* tagsOf(source, repository);
  const wanted = [...tags].flatMap((tag) => namesOf(comparison.routes, source.name, repository, tag));
  const gone = books
    .filter((booked) => !tags.has(booked.source.tag) && booked.owned.length > 0)
    .map((booked): Name => ({ ...booked, sourceTag: booked.source.tag }));
  const names = [...wanted, ...gone];
  const problems: Array<string> = [];
  const differences: Array<Difference> = [];
  const listed = yield* targetLists(comparison, names, problems);
  const bookOf = new Map(books.map((booked) => [keyOf(booked), booked]));
  // Several targets ask for the same source tag: it is asked for once.
  const wantedDigests = yield* Cache.make({
    capacity: Math.max(tags.size, 1),
    lookup: (tag: Tag) => digestOf(source, repository, tag),
  });

  const compareOne = Effect.fnUntraced(function* (name: Name) {
    const list = listed.get(placeOf(name));
    const target = comparison.registryOf(name.target);
    const policy = comparison.routes.byName.get(name.route)?.route;
    const book = bookOf.get(keyOf(name));
    if (list === undefined || target === undefined || policy === undefined || book?.pending === true) return;
    const judge = (there: Digest | undefined, here: Digest | undefined) =>
      compare({
        tag: name.tag,
        source: { tag: name.sourceTag, digest: there ?? "absent" },
        target: here ?? "absent",
        owned: book?.owned ?? [],
        policy,
      });
    const [there, here] = yield* Effect.all(
      [
        tags.has(name.sourceTag) ? Cache.get(wantedDigests, name.sourceTag) : Effect.succeed(undefined),
        list.has(name.tag) ? digestOf(target, name.repository, name.tag) : Effect.succeed(undefined),
      ],
      { concurrency: 2 },
    );
    if (judge(there, here) === undefined) return;
    // A second look, past the lists and past what was remembered: what differs now may just have been in motion.
    const [thereNow, hereNow] = yield* Effect.all(
      [digestOf(source, repository, name.sourceTag), digestOf(target, name.repository, name.tag)],
      { concurrency: 2 },
    );
    const kind = judge(thereNow, hereNow);
    if (kind === undefined) return;
    differences.push({
      target: name.target,
      repository: name.repository,
      tag: name.tag,
      kind,
      source: { registry: source.name, repository, tag: name.sourceTag },
      route: name.route,
      wanted: thereNow,
      held: hereNow,
      parked: book?.parked ?? false,
    });
  });

  yield* Effect.forEach(names, (name) => noting(problems, compareOne(name)), {
    concurrency: HEADS_AT_ONCE,
    discard: true,
  });
  return { compared: names.length, differences, problems } satisfies Compared;
});

type Name = Mapped & { readonly sourceTag: Tag };

const placeOf = (name: { readonly target: string; readonly repository: string }): string =>
  `${name.target}/${name.repository}`;
const keyOf = (name: { readonly target: string; readonly repository: string; readonly tag: string }): string =>
  `${placeOf(name)}:${name.tag}`;

const namesOf = (
  routes: CompiledRoutes,
  registry: string,
  repository: RepositoryName,
  tag: Tag,
): ReadonlyArray<Name> =>
  isDigestTag(tag)
    ? []
    : mapTag(routes, { registry, repository, tag }).map((mapped) => ({ ...mapped, sourceTag: tag }));

const digestOf = (
  registry: Registry,
  repository: RepositoryName,
  tag: Tag,
): Effect.Effect<Digest | undefined, RegistryError> =>
  Effect.map(registry.resolve(repository, tag), (found) => found?.digest);

/** The names a repository lists. One that is unknown lists nothing: whether that is a deletion is for the replicator's proof to say. */
const tagsOf = (registry: Registry, repository: RepositoryName): Effect.Effect<ReadonlySet<Tag>, RegistryError> => {
  const all = new Set<Tag>();
  return registry.tags(repository).pipe(
    Stream.runForEach((page) =>
      Effect.sync(() => {
        for (const tag of page) all.add(tag);
      }),
    ),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "repository-unknown" ? Effect.void : Effect.fail(error),
    ),
    Effect.as(all),
  );
};

/** One list for each target repository. */
const targetLists = Effect.fnUntraced(function* <E>(
  comparison: Comparison<E>,
  names: ReadonlyArray<Name>,
  problems: Array<string>,
) {
  const lists = new Map<string, ReadonlySet<Tag>>();
  for (const [place, name] of new Map(names.map((name) => [placeOf(name), name]))) {
    const registry = comparison.registryOf(name.target);
    if (registry === undefined) continue;
    const listing = Effect.map(tagsOf(registry, name.repository), (tags) => {
      lists.set(place, tags);
    });
    yield* noting(problems, listing);
  }
  return lists;
});

/** What could not be read makes the comparison incomplete, and it says so. */
const noting = (problems: Array<string>, effect: Effect.Effect<void, RegistryError>): Effect.Effect<void> =>
  Effect.catchTag(effect, "RegistryError", (error) => Effect.sync(() => void problems.push(error.message)));

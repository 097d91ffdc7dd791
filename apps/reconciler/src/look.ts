import type { Adoption } from "@drayage/delivery";
import { adoptable, type CompiledRoutes, compare, type DriftFound, type DriftKind, type Policy } from "@drayage/domain";
import { type RegistryError, type Resolved, wantedAtTarget } from "@drayage/oci-core";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { type Booked, keyOf, type Name, placeOf } from "./names.ts";
import type { Problems } from "./problems.ts";
import { digestOf, type Listed, type Side, tagsOf } from "./side.ts";

/** One difference, with all that an operator or a replicator needs to know of it. */
export interface Difference extends Omit<DriftFound, "_tag" | "reconciliation"> {
  /** A delivery of it gave up and waits for a person. */
  readonly parked: boolean;
}

/** A tag at a target that equals its source and is not in our books. No drift; but deletions and overwrites follow only what is ours. */
export type Equal = Adoption;

/** What both looks at one source repository share. */
export interface Looks {
  readonly source: Side;
  readonly repository: RepositoryName;
  readonly routes: CompiledRoutes;
  readonly problems: Problems;
  /** As it was when listed or first asked for in this run. */
  readonly sourceHas: (tag: Tag) => Effect.Effect<Pointer | undefined, RegistryError>;
}

/** What a tag points to, as a list or HEAD tells it. */
type Pointer = Pick<Resolved, "digest">;

/** What a name is to hold, `none` where its route wants no platform that the source has: nothing follows from that. */
const wantedFor = (
  { source, repository, routes }: Looks,
  { route }: Name,
  found: Pointer | undefined,
): Effect.Effect<Digest | undefined | "none", RegistryError> =>
  found === undefined
    ? Effect.undefined
    : Effect.map(
        wantedAtTarget(source, repository, found, routes.byName.get(route)?.route.platforms),
        (wanted) => wanted?.digest ?? "none",
      );

/** HEAD requests to one target for one repository in flight; the registries' own limits hold all repositories together. */
const HEADS_AT_ONCE = 16;

/** Names that may differ, by the lists, and by one HEAD a side where a list has no digests. */
export const firstLook = Effect.fnUntraced(function* (
  looks: Looks,
  target: Side,
  names: ReadonlyArray<Name>,
  books: ReadonlyMap<string, Booked>,
) {
  const lists = new Map<string, Listed>();
  for (const [place, name] of new Map(names.map((one) => [placeOf(one), one])))
    yield* noting(
      looks.problems,
      name.target,
      Effect.map(tagsOf(target, name.repository), (tags) => lists.set(place, tags)),
    );
  let compared = 0;
  const candidates: Array<Name> = [];
  const adopt: Array<Equal> = [];
  const look = Effect.fnUntraced(function* (name: Name) {
    const book = books.get(keyOf(name));
    const list = lists.get(placeOf(name));
    if (list === undefined || book?.pending === true) return;
    const seen = yield* see(looks, target, name, book, list);
    if (seen._tag === "Differs") candidates.push(name);
    if (seen._tag === "Equal") adopt.push(equalOf(looks, name, seen.digest));
    compared += 1;
  });
  yield* Effect.forEach(names, (name) => noting(looks.problems, name.target, look(name)), {
    concurrency: HEADS_AT_ONCE,
    discard: true,
  });
  return { compared, candidates, adopt };
});

type Seen =
  | { readonly _tag: "Differs" }
  | { readonly _tag: "InStep" }
  /** In step, and free to be adopted. */
  | { readonly _tag: "Equal"; readonly digest: Digest };
const DIFFERS: Seen = { _tag: "Differs" };
const IN_STEP: Seen = { _tag: "InStep" };

const see = Effect.fnUntraced(function* (
  looks: Looks,
  target: Side,
  name: Name,
  book: Booked | undefined,
  list: Listed,
): Effect.fn.Return<Seen, RegistryError> {
  if (!list.has(name.tag)) return name.gone ? IN_STEP : DIFFERS;
  const there = yield* wantedFor(looks, name, yield* looks.sourceHas(name.sourceTag));
  if (name.gone && there !== undefined) {
    // The one way to see that a list was cut short. What it lacks is compared all the same, and is never `extra`.
    const message = `${looks.source.name}/${looks.repository} does not list ${name.sourceTag}, which is there: its list of tags is not complete`;
    looks.problems.note({ message, targets: [name.target] });
  }
  if (there === "none") return IN_STEP;
  // Where the route keeps what the source lacks, the target need not be asked.
  const owned = book?.owned ?? [];
  if (there === undefined && owned.every((held) => judge(looks, name, book, there, held) === undefined)) return IN_STEP;
  const listed = list.get(name.tag);
  const ask = digestOf(target, name.repository, name.tag);
  const here = listed ?? (yield* ask);
  if (judge(looks, name, book, there, here) !== undefined) return DIFFERS;
  if (here === undefined || !mayAdopt(looks, name, book, there, here)) return IN_STEP;
  // What becomes ours may be overwritten and deleted later: a list alone is not enough for that.
  const holds = listed === undefined || (yield* ask) === here;
  return holds ? { _tag: "Equal", digest: here } : DIFFERS;
});

const mayAdopt = (
  { routes }: Looks,
  name: Name,
  book: Booked | undefined,
  there: Digest | undefined,
  here: Digest,
): boolean => {
  const policy = routes.byName.get(name.route)?.route;
  const source = { tag: name.sourceTag, digest: there ?? "absent" } as const;
  // A tag that gave up has its own story: a person reads it first.
  return (
    policy !== undefined &&
    book?.parked !== true &&
    adoptable({ source, target: here, owned: book?.owned ?? [], policy })
  );
};

const equalOf = (looks: Looks, { target, repository, tag, route, sourceTag }: Name, digest: Digest): Equal => ({
  target,
  repository,
  tag,
  digest,
  source: { registry: looks.source.name, repository: looks.repository, tag: sourceTag },
  route,
});

/** A second look, past the lists and past what was remembered: what differs now may just have been in motion. */
export const secondLook = Effect.fnUntraced(function* (
  looks: Looks,
  target: Side,
  names: ReadonlyArray<Name>,
  books: ReadonlyMap<string, Booked>,
) {
  const differences: Array<Difference> = [];
  const look = Effect.fnUntraced(function* (name: Name) {
    const book = books.get(keyOf(name));
    if (book?.pending === true) return;
    const [wanted, held] = yield* Effect.all(
      [
        Effect.flatMap(looks.source.resolve(looks.repository, name.sourceTag), (found) =>
          wantedFor(looks, name, found),
        ),
        digestOf(target, name.repository, name.tag),
      ],
      { concurrency: 2 },
    );
    if (wanted === "none") return;
    const kind = judge(looks, name, book, wanted, held);
    if (kind === undefined) return;
    const source = { registry: looks.source.name, repository: looks.repository, tag: name.sourceTag };
    const { repository, tag, route } = name;
    const parked = book?.parked ?? false;
    differences.push({ target: target.name, repository, tag, kind, source, route, wanted, held, parked });
  });
  yield* Effect.forEach(names, (name) => noting(looks.problems, name.target, look(name)), {
    concurrency: HEADS_AT_ONCE,
    discard: true,
  });
  return differences;
});

const judge = (
  { routes }: Looks,
  name: Name,
  book: Booked | undefined,
  there: Digest | undefined,
  here: Digest | undefined,
): DriftKind | undefined => {
  const policy: Policy | undefined = routes.byName.get(name.route)?.route;
  if (policy === undefined) return undefined;
  return compare({
    tag: name.tag,
    source: { tag: name.sourceTag, digest: there ?? "absent" },
    target: here ?? "absent",
    owned: book?.owned ?? [],
    policy,
  });
};

/** What could not be read makes the comparison of that target incomplete, and it says so. */
const noting = <A>(problems: Problems, target: string, effect: Effect.Effect<A, RegistryError>): Effect.Effect<void> =>
  effect.pipe(
    Effect.asVoid,
    Effect.catchTag("RegistryError", ({ message }) => Effect.sync(() => problems.note({ message, targets: [target] }))),
  );

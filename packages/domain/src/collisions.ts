import type { SourceTag } from "./event.ts";
import type { Mapped } from "./route.ts";
import { type CompiledRoute, type CompiledRoutes, type CompiledTarget, explainTag, mapTo } from "./select.ts";
import { lend, witnesses } from "./witness.ts";

/** One end of a proof: this route takes this source name to the target name in question. */
export interface Claim {
  readonly route: string;
  /** Index in the route's `to`. */
  readonly to: number;
  readonly source: SourceTag;
}
/** Two source names that end as one target name: whichever comes second would be a conflict at run time. */
export interface Collision {
  /**
   * False where the names differ only in folders that `{basename}` drops: such routes are written by people who know that their base
   * names are unique. A warning, and the conflict at run time, are the right answers then.
   */
  readonly certain: boolean;
  readonly first: Claim;
  readonly second: Claim;
  readonly target: Mapped;
}

/**
 * Pairs of `to` entries (or one entry with itself) for which two selected source names map onto one target name, each with an example.
 * Proves only: every example is selected and mapped by the same code that runs later. One finding for a pair, a certain one if there is one.
 */
export const findCollisions = (compiled: CompiledRoutes): ReadonlyArray<Collision> =>
  [...compiled.targets].flatMap((target) => collisionsAt(claimants(compiled, target)));

interface Claimant {
  readonly route: CompiledRoute;
  readonly to: CompiledTarget;
  readonly index: number;
}
const claimants = (compiled: CompiledRoutes, target: string): ReadonlyArray<Claimant> =>
  compiled.routes.flatMap((route) =>
    route.targets.flatMap((to, index) => (to.target.registry === target ? [{ route, to, index }] : [])),
  );

const collisionsAt = (all: ReadonlyArray<Claimant>): ReadonlyArray<Collision> => {
  const lent = lend(all.flatMap(({ route }) => witnesses(route)));
  const owners = new Map<string, { readonly claim: Claim; readonly by: CompiledTarget }>();
  const found = new Map<string, Collision>();
  for (const { route, to, index } of all) {
    for (const source of witnesses(route, lent)) {
      const mapping = mapTo(route, to, source);
      if (mapping._tag !== "Mapped") continue;
      const name = `${mapping.mapped.repository}:${mapping.mapped.tag}`;
      const claim: Claim = { route: route.route.name, to: index, source };
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, { claim, by: to });
      else if (!sameSource(owner.claim.source, source)) {
        const pair = `${owner.claim.route} ${owner.claim.to} ${claim.route} ${claim.to}`;
        const flat = flattens(owner.by) || flattens(to);
        const certain = !flat || owner.claim.source.repository === source.repository;
        const known = found.get(pair);
        if (known === undefined || (certain && !known.certain)) {
          found.set(pair, { certain, first: owner.claim, second: claim, target: mapping.mapped });
        }
      }
    }
  }
  return [...found.values()];
};
const sameSource = (a: SourceTag, b: SourceTag): boolean => nameOf(a) === nameOf(b);
const flattens = ({ repository: { placeholders } }: CompiledTarget): boolean =>
  placeholders.has("basename") && !placeholders.has("image") && !placeholders.has("repository");

/** A route that delivers to what it reads: `itself` when a name maps onto itself, `endless` when each delivery makes a new name that is delivered again. */
export interface Feedback {
  readonly _tag: "itself" | "endless";
  readonly route: string;
  /** The names, in order, that show it. */
  readonly chain: ReadonlyArray<SourceTag>;
}

/** New names that one route must have made of its own deliveries before we call it endless. Two registries kept equal come to rest after two. */
const ENDLESS = 4;

/** Routes that feed on their own deliveries, directly or through others, each with the names that show it. One finding for a route. */
export const findFeedback = (compiled: CompiledRoutes): ReadonlyArray<Feedback> =>
  compiled.routes.flatMap((route) => {
    if (!route.targets.some(({ target }) => compiled.bySource.has(target.registry))) return [];
    const seen = new Set<string>();
    for (const source of witnesses(route)) {
      const found = follow({ compiled, name: route.route.name, seen }, [source], 1);
      if (found !== undefined) return [found];
    }
    return [];
  });

interface Walk {
  readonly compiled: CompiledRoutes;
  readonly name: string;
  /** Names walked through already: in a mesh of registries every name is looked at once. */
  readonly seen: Set<string>;
}

/** Walks from name to name until one comes again (rest), nobody takes it further, or the route has been passed too often. */
const follow = (walk: Walk, chain: ReadonlyArray<SourceTag>, passed: number): Feedback | undefined => {
  const last = chain.at(-1);
  if (last === undefined) return undefined;
  walk.seen.add(nameOf(last));
  for (const mapping of explainTag(walk.compiled, last)) {
    if (mapping._tag !== "Mapped") continue;
    const { route, target, repository, tag } = mapping.mapped;
    const next: SourceTag = { registry: target, repository, tag };
    const longer = [...chain, next];
    const own = route === walk.name;
    if (own && sameSource(next, last)) return { _tag: "itself", route, chain: longer };
    if (walk.seen.has(nameOf(next))) continue;
    const again = own && chain.length > 1 ? passed + 1 : passed;
    if (again >= ENDLESS) return { _tag: "endless", route: walk.name, chain: longer };
    if (longer.length > CHAIN_MAX) continue;
    const found = follow(walk, longer, again);
    if (found !== undefined) return found;
  }
  return undefined;
};
const nameOf = ({ registry, repository, tag }: SourceTag): string => `${registry}/${repository}:${tag}`;
/** Names in one chain: four passes through a ring of four registries. */
const CHAIN_MAX = 16;

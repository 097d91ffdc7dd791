import { type CompiledRoutes, matchesAny, type Route } from "@drayage/domain";
import { type Digest, isDigestTag, type RepositoryName, type Tag } from "@drayage/oci-core";
import { short } from "../registry/client.ts";
import type { Store } from "../registry/store.ts";
import type { Database } from "../system/database.ts";
import { keyOf, type NameAt, type Seen } from "./books.ts";

export interface Level {
  readonly routes: CompiledRoutes;
  readonly stores: ReadonlyMap<string, Store>;
  readonly database: Database;
  readonly seen: Seen;
  /** Whether DELETE by tag does not work there, so that a shared digest stays. */
  readonly deletesByDigest: (target: string) => boolean;
  /** Whether reads may be answered by a replica that is behind. */
  readonly lags: boolean;
  /** Names that need not be level, and why: the rest has to be. */
  readonly spared: (name: NameAt) => boolean;
}

/** Every name of which the target does not hold what its route asks for, without an excuse that the route gives (invariant 3). Names are mapped as they are in every schedule. */
export const notLevel = (level: Level): ReadonlyArray<string> =>
  level.routes.routes.flatMap(({ route }) =>
    route.to.flatMap(({ registry }) => {
      const source = level.stores.get(route.from);
      const target = level.stores.get(registry);
      if (source === undefined || target === undefined) return [`${registry} is no registry`];
      return namesIn(source, target).flatMap(([repository, tag]) => {
        const name: NameAt = { target: registry, repository, tag };
        if (level.spared(name)) return [];
        const [wanted, held] = [source.tag(repository, tag), target.tag(repository, tag)];
        if (wanted === held) return [];
        if (isExcused(level, route, name, wanted, held)) return [];
        const row = level.database.deliveries.rows().find((each) => keyOf(each) === keyOf(name));
        return [
          `${keyOf(name)} holds ${held && short(held)}, its source has ${wanted && short(wanted)} (${row?.state ?? "no delivery"} ${row?.lastError?.reason ?? ""})`,
        ];
      });
    }),
  );

const namesIn = (source: Store, target: Store): ReadonlyArray<readonly [RepositoryName, Tag]> => {
  const places = new Set([...source.repositories.keys(), ...target.repositories.keys()]);
  return [...places].flatMap((repository) =>
    [...new Set([...source.tags(repository), ...target.tags(repository)])]
      .filter((tag) => !isDigestTag(tag))
      .map((tag) => [repository, tag] as const),
  );
};

/** What the route says about a difference that stays. */
const isExcused = (
  { database, stores, seen, deletesByDigest, lags }: Level,
  route: Route,
  name: NameAt,
  wanted: Digest | undefined,
  held: Digest | undefined,
): boolean => {
  if (held === undefined) return false;
  const booked = database.deliveries.rows().find((row) => keyOf(row) === keyOf(name));
  // A known limit: a replica that is behind says in words that a tag is gone which was put a moment ago. When the source has deleted it as well, we believe
  // that, and what is there is a stranger's from then on: it is kept, and a person decides.
  if (lags && booked?.held === undefined && seen.isOurs(name, held)) return true;
  const owner = booked?.source;
  // Another source had the name first: its own route says what has to be there.
  if (owner !== undefined && owner.registry !== route.from) return true;
  const isOurs =
    seen.isOurs(name, held) ||
    database.deliveries.rows().some((row) => keyOf(row) === keyOf(name) && row.held === held);
  if (wanted !== undefined) return isOurs ? route.overwrite !== "always" : route.existing !== "overwrite";
  if (route.deletes.mode === "ignore" || !isOurs || matchesAny(route.deletes.protect, name.tag)) return true;
  const row = database.deliveries.rows().find((each) => keyOf(each) === keyOf(name));
  if (row?.lastError?.reason === "guard-refused") return true;
  if (!deletesByDigest(name.target)) return false;
  const target = stores.get(name.target);
  // Another tag of the same image is wanted still.
  return (
    target?.tags(name.repository).some((tag) => tag !== name.tag && target.tag(name.repository, tag) === held) === true
  );
};

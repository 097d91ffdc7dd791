import type { RepositoryName } from "@drayage/oci-core/model";
import { joinName } from "./access.ts";

/**
 * What the configuration says of a repository key. `local`: images are stored there. `remote`: a cache of another registry. `virtual`: a view
 * of its members, in order.
 */
export type KeyKind =
  | { readonly _tag: "Local" }
  | { readonly _tag: "Remote" }
  | { readonly _tag: "Virtual"; readonly members: ReadonlyArray<string> };

/** What a remote key has stored is in the key with this ending: events and searches name that one. Source: facts/artifactory.md 1.6, 3.3. */
export const CACHE_SUFFIX = "-cache";

/** The declared keys, and what follows for names. */
export interface Sources {
  readonly declares: (key: string) => boolean;
  readonly kindOf: (key: string) => KeyKind | undefined;
  /** Declared keys through which images of this key can be read too: events name the key that holds an image, routes may name another. */
  readonly viewsOf: (key: string) => ReadonlyArray<string>;
  /** Caches of the declared remote keys, by their own names. */
  readonly caches: ReadonlyArray<string>;
}

export const makeSources = (declared: Readonly<Record<string, KeyKind>> = {}): Sources => {
  const kindOf = (key: string): KeyKind | undefined => (Object.hasOwn(declared, key) ? declared[key] : undefined);
  const directViews = (key: string): ReadonlyArray<string> =>
    Object.entries(declared).flatMap(([view, kind]) => {
      if (kind._tag === "Remote") return key === `${view}${CACHE_SUFFIX}` ? [view] : [];
      return kind._tag === "Virtual" && kind.members.includes(key) ? [view] : [];
    });
  const viewsOf = (key: string): ReadonlyArray<string> => {
    const found = new Set<string>();
    // Virtual keys may be members of virtual keys; one that names itself must not go round for ever.
    const walk = (from: string): void => {
      for (const view of directViews(from)) {
        if (view === key || found.has(view)) continue;
        found.add(view);
        walk(view);
      }
    };
    walk(key);
    return [...found];
  };
  const caches = Object.entries(declared).flatMap(([key, kind]) =>
    kind._tag === "Remote" ? [`${key}${CACHE_SUFFIX}`] : [],
  );
  return { declares: (key) => kindOf(key) !== undefined, kindOf, viewsOf, caches };
};

/** Other names of an image, by the keys that show what this one holds. */
export const otherNames = (sources: Sources, name: RepositoryName): ReadonlyArray<RepositoryName> => {
  const end = name.indexOf("/");
  if (end < 0) return [];
  const views = sources.viewsOf(name.slice(0, end));
  return views.flatMap((view) => joinName(view, name.slice(end + 1)) ?? []);
};

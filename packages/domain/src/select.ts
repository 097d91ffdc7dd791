import { isDigestTag, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import type { SourceTag } from "./event.ts";
import { compileGlobs, compileTags, type Matcher } from "./match.ts";
import type { Mapped, Route, RouteTarget } from "./route.ts";
import { fillTemplate, parseTemplate, type Template, valuesOf } from "./template.ts";

/** What routes must know of a registry: whether the first segment of its names is a repository key. Undefined: no such registry. */
export type RegistryLookup = (registry: string) => { readonly repositoryKey: boolean } | undefined;

export interface CompiledTarget {
  readonly target: RouteTarget;
  readonly repository: Template;
  readonly tag: Template;
}
export interface CompiledRoute {
  readonly route: Route;
  readonly targets: ReadonlyArray<CompiledTarget>;
  /** Whether the route's `repositories` select a source repository. */
  readonly selectsRepository: Matcher;
  /** Whether the route's `tags` select a source tag. Digest tags (signatures, fallback tags) are never selected. */
  readonly selectsTag: Matcher;
  readonly repositoryKey: boolean;
}

/** Routes made ready for many questions. Immutable; compile once for a configuration. */
export interface CompiledRoutes {
  readonly routes: ReadonlyArray<CompiledRoute>;
  readonly byName: ReadonlyMap<string, CompiledRoute>;
  /** Routes that read from a registry, in the order of the configuration. */
  readonly bySource: ReadonlyMap<string, ReadonlyArray<CompiledRoute>>;
  /** Names of all targets. */
  readonly targets: ReadonlySet<string>;
}

/** A name that a route selects and cannot give a valid name at the target: reported, never delivered. */
export interface Unmappable {
  readonly route: string;
  readonly target: string;
  readonly source: SourceTag;
  readonly why: string;
}
/** What every route of a source registry says to one source name. */
export type Mapping =
  | { readonly _tag: "Mapped"; readonly mapped: Mapped }
  | { readonly _tag: "Unmappable"; readonly unmappable: Unmappable }
  | { readonly _tag: "NotSelected"; readonly route: string; readonly why: string };

const compileTemplate = (text: string): Template => {
  const template = parseTemplate(text);
  if (template._tag === "TemplateProblem") throw new TypeError(`${template.what}: ${template.mend}`);
  return template;
};
const compileRoute = (route: Route, lookup: RegistryLookup): CompiledRoute => {
  const selected = compileTags(route.select.tags);
  return {
    route,
    targets: route.to.map((target) => ({
      target,
      repository: compileTemplate(target.repository),
      tag: compileTemplate(target.tag),
    })),
    selectsRepository: compileGlobs(route.select.repositories),
    selectsTag: (tag) => selected(tag) && !isDigestTag(tag),
    repositoryKey: lookup(route.from)?.repositoryKey ?? false,
  };
};
/**
 * Makes routes ready. Pure. The routes must have passed `routeProblems` (the configuration does that): a template or a
 * pattern that cannot be compiled is thrown as a `TypeError`, because it is a bug by then.
 */
export const compileRoutes = (routes: ReadonlyArray<Route>, lookup: RegistryLookup): CompiledRoutes =>
  indexed(routes.map((route) => compileRoute(route, lookup)));

const indexed = (routes: ReadonlyArray<CompiledRoute>): CompiledRoutes => ({
  routes,
  byName: new Map(routes.map((compiled) => [compiled.route.name, compiled])),
  bySource: Map.groupBy(routes, (compiled) => compiled.route.from),
  targets: new Set(routes.flatMap((compiled) => compiled.targets.map(({ target }) => target.registry))),
});

/** The same routes as one target sees them: for the dispatcher, which follows the log once for each target. */
export const onlyTarget = (compiled: CompiledRoutes, target: string): CompiledRoutes =>
  indexed(
    compiled.routes.flatMap((route) => {
      const targets = route.targets.filter((to) => to.target.registry === target);
      return targets.length === 0 ? [] : [{ ...route, targets }];
    }),
  );

/** Whether any route reads this repository. */
export const selectsRepository = (compiled: CompiledRoutes, registry: string, repository: string): boolean =>
  compiled.bySource.get(registry)?.some((route) => route.selectsRepository(repository)) ?? false;

/** Where one source name goes and why not, route by route: `dray explain`. Two routes that give one target name: the first in the configuration has it. */
export const explainTag = (compiled: CompiledRoutes, source: SourceTag): ReadonlyArray<Mapping> => {
  const taken = new Set<string>();
  return (compiled.bySource.get(source.registry) ?? []).flatMap((route): ReadonlyArray<Mapping> => {
    const why = notSelected(route, source);
    if (why !== undefined) return [{ _tag: "NotSelected", route: route.route.name, why }];
    return route.targets.flatMap((to): ReadonlyArray<Mapping> => {
      const mapping = mapTo(route, to, source);
      if (mapping._tag !== "Mapped") return [mapping];
      const key = `${mapping.mapped.target}/${mapping.mapped.repository}:${mapping.mapped.tag}`;
      if (taken.has(key)) {
        return [
          { _tag: "NotSelected", route: route.route.name, why: `an earlier route already delivers it to ${key}` },
        ];
      }
      taken.add(key);
      return [mapping];
    });
  });
};

/** Where one source tag goes, over all routes; at most one entry for a target name. */
export const mapTag = (compiled: CompiledRoutes, source: SourceTag): ReadonlyArray<Mapped> =>
  explainTag(compiled, source).flatMap((mapping) => (mapping._tag === "Mapped" ? [mapping.mapped] : []));

const notSelected = (route: CompiledRoute, source: SourceTag): string | undefined => {
  if (!route.selectsRepository(source.repository)) return `select.repositories does not match ${source.repository}`;
  if (isDigestTag(source.tag)) return `${source.tag} is a digest tag: it goes with its subject`;
  return route.selectsTag(source.tag) ? undefined : `select.tags does not match ${source.tag}`;
};

/** One entry of a route's `to`, for a name that the route selects. */
export const mapTo = (
  route: CompiledRoute,
  to: CompiledTarget,
  source: SourceTag,
): Exclude<Mapping, { _tag: "NotSelected" }> => {
  const refuse = (why: string): ReturnType<typeof mapTo> => ({
    _tag: "Unmappable",
    unmappable: { route: route.route.name, target: to.target.registry, source, why },
  });
  const values = valuesOf(source, route.repositoryKey);
  const repositoryText = fillTemplate(to.repository, values);
  if ("empty" in repositoryText) return refuse(`${source.repository} has no {${repositoryText.empty}}`);
  const tagText = fillTemplate(to.tag, values);
  if ("empty" in tagText) return refuse(`${source.repository} has no {${tagText.empty}}`);
  const repository = parseRepositoryName(repositoryText.text);
  if (repository === undefined) return refuse(`"${repositoryText.text}" is not a repository name`);
  const tag = parseTag(tagText.text);
  if (tag === undefined) return refuse(`"${tagText.text}" is not a tag`);
  return { _tag: "Mapped", mapped: { route: route.route.name, target: to.target.registry, repository, tag } };
};

import type { Config } from "@drayage/config";
import { compiledRoutes } from "@drayage/config";
import { type CompiledRoute, mapTo, type SourceTag } from "@drayage/domain";
import { parseRepositoryName, parseTag, type RepositoryName } from "@drayage/oci-core/model";

/** Repositories that are tried for each route and registry: one shows what credentials may do, a few more find a right that was forgotten. */
export const TRIED_MAX = 3;

/** A repository to try, and the key of the configuration that wants it. */
export interface Wanted {
  readonly repository: RepositoryName;
  readonly key: string;
}

/** What the routes want of one registry, as far as the configuration alone tells. */
export interface Use {
  /** Routes that read from it. */
  readonly from: ReadonlyArray<CompiledRoute>;
  /** Routes that write to it. */
  readonly to: ReadonlyArray<CompiledRoute>;
}

/** Roles by the routes, for every registry of the configuration. Pure. */
export const usesOf = (config: Pick<Config, "registries" | "routes">): ReadonlyMap<string, Use> => {
  const { routes } = compiledRoutes(config);
  return new Map(
    Object.keys(config.registries).map((name) => [
      name,
      {
        from: routes.filter(({ route }) => route.from === name),
        to: routes.filter(({ targets }) => targets.some(({ target }) => target.registry === name)),
      },
    ]),
  );
};

/** Repositories that a route names without a glob. */
export const namedReads = ({ route }: CompiledRoute): ReadonlyArray<Wanted> =>
  route.select.repositories
    .map(parseRepositoryName)
    .filter((name) => name !== undefined)
    .slice(0, TRIED_MAX)
    .map((repository) => ({ repository, key: readKey(route.name) }));

/** Of a page of the source's catalogue, what a route selects. */
export const selectedReads = (
  { route, selectsRepository }: CompiledRoute,
  page: ReadonlyArray<RepositoryName>,
): ReadonlyArray<Wanted> =>
  page.filter(selectsRepository).map((repository) => ({ repository, key: readKey(route.name) }));

const readKey = (route: string): string => `routes.${route}.select.repositories`;

/** No tag is needed to know a target repository, but where a template has `{tag}`. */
const ANY_TAG = parseTag("latest");

/** Where a route would put what was seen at its source; and what its template says by itself, whatever the source holds. */
export const writesOf = (
  route: CompiledRoute,
  target: string,
  reads: ReadonlyArray<RepositoryName>,
): ReadonlyArray<Wanted> => {
  const key = `routes.${route.route.name}.to`;
  const found = route.targets
    .filter((to) => to.target.registry === target)
    .flatMap((to) => {
      const fixed = to.repository.placeholders.size === 0 ? parseRepositoryName(to.repository.text) : undefined;
      if (fixed !== undefined) return [fixed];
      return sourcesOf(route, reads).flatMap((source) => {
        const mapping = mapTo(route, to, source);
        return mapping._tag === "Mapped" ? [mapping.mapped.repository] : [];
      });
    });
  return [...new Set(found)].slice(0, TRIED_MAX).map((repository) => ({ repository, key }));
};

const sourcesOf = ({ route }: CompiledRoute, reads: ReadonlyArray<RepositoryName>): ReadonlyArray<SourceTag> =>
  ANY_TAG === undefined ? [] : reads.map((repository) => ({ registry: route.from, repository, tag: ANY_TAG }));

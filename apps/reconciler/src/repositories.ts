import type { CompiledRoutes } from "@drayage/domain";
import { parseRepositoryName, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Side } from "./side.ts";

/** The source repositories of some routes, and what kept us from knowing all of them. */
export interface Repositories {
  readonly names: ReadonlyArray<RepositoryName>;
  readonly problems: ReadonlyArray<string>;
}

/**
 * Which repositories of a source the routes ask for: names written out in full, the catalogue when a glob asks for one, and always
 * those that our books know, so that a repository that vanished from the catalogue is still compared. A catalogue that is
 * refused or cut short makes the result incomplete, and it says so (FAILURES F20).
 */
export const repositoriesOf = Effect.fnUntraced(function* (
  registry: Side,
  compiled: CompiledRoutes,
  known: ReadonlyArray<RepositoryName>,
  /** Only those that this route asks for. */
  only?: string,
) {
  const routes = (compiled.bySource.get(registry.name) ?? []).filter(
    ({ route }) => only === undefined || route.name === only,
  );
  const names = new Set<RepositoryName>(known);
  let needsCatalogue = false;
  for (const { route } of routes) {
    // `!` only takes away from what the others select.
    const literals = route.select.repositories.filter((pattern) => !pattern.startsWith("!")).map(parseRepositoryName);
    // A pattern that is a repository name matches that name and no other: `*`, `?`, `{`, `[`, `!` and `(` are in no name.
    for (const name of literals) if (name !== undefined) names.add(name);
    needsCatalogue ||= literals.some((name) => name === undefined);
  }
  const problems: Array<string> = [];
  if (needsCatalogue) {
    yield* registry.repositories().pipe(
      Stream.runForEach((page) =>
        Effect.sync(() => {
          for (const name of page) names.add(name);
        }),
      ),
      Effect.catchTag("RegistryError", (error) =>
        Effect.sync(() => {
          problems.push(
            `the catalogue of ${registry.name} could not be read (${error.message}): only repositories that a route names in full or that are known already were compared; name them in routes.select.repositories, or allow the catalogue`,
          );
        }),
      ),
    );
  }
  const wanted = [...names].filter((name) => routes.some((route) => route.selectsRepository(name))).sort();
  return { names: wanted, problems } satisfies Repositories;
});

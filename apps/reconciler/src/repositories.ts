import { type CompiledRoutes, selectsRepository } from "@drayage/domain";
import type { Registry } from "@drayage/oci-core";
import { parseRepositoryName, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

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
  registry: Registry,
  compiled: CompiledRoutes,
  known: ReadonlyArray<RepositoryName>,
) {
  const names = new Set<RepositoryName>(known);
  let needsCatalogue = false;
  for (const { route } of compiled.bySource.get(registry.name) ?? []) {
    const literals = route.select.repositories.map(parseRepositoryName);
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
            `the catalogue of ${registry.name} could not be read (${error.message}); compared only repositories that a route names in full and those already known`,
          );
        }),
      ),
    );
  }
  const wanted = [...names].filter((name) => selectsRepository(compiled, registry.name, name)).sort();
  return { names: wanted, problems } satisfies Repositories;
});

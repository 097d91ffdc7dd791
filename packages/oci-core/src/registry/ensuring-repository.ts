import * as Effect from "effect/Effect";
import type { RepositoryName } from "../model/brand.ts";
import type { RegistryError } from "./errors.ts";
import type { Registry } from "./registry.ts";

/**
 * The same registry, which makes a missing repository when something is written into it (`powers.createRepository`), and then tries once more.
 * It costs nothing where the repository is there. Without the power, or where the push fails again: the error as it is.
 */
export const ensuringRepository = (registry: Registry): Registry => {
  const { createRepository } = registry.powers;
  if (createRepository === undefined) return registry;
  const ensuring = <A>(
    repository: RepositoryName,
    write: Effect.Effect<A, RegistryError>,
  ): Effect.Effect<A, RegistryError> =>
    Effect.catchIf(
      write,
      (error) => error.reason === "repository-unknown",
      () => Effect.andThen(createRepository(repository), write),
    );
  return {
    ...registry,
    startUpload: (repository, mount) => ensuring(repository, registry.startUpload(repository, mount)),
    // An image whose blobs are all there begins with its manifest.
    putManifest: (repository, reference, manifest) =>
      ensuring(repository, registry.putManifest(repository, reference, manifest)),
  };
};

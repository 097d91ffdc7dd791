import { ensuringRepository, type Registry, type RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import type { EcrApi } from "./api.ts";
import type { CreateRepositories } from "./options.ts";

/**
 * Makes missing repositories as configured. A lifecycle policy is a call of its own: one that failed is asked for again before anything else is
 * written into the repository that we have made, as long as this process lives. A repository that was there is never changed.
 */
export const creating = (registry: Registry, api: EcrApi, how: CreateRepositories): Registry => {
  const unfinished = new Set<RepositoryName>();
  const finish = (repository: RepositoryName): Effect.Effect<void, RegistryError> =>
    Effect.andThen(
      api.call("PutLifecyclePolicy", repository, (calls, signal) => calls.finish(repository, how, signal)),
      Effect.sync(() => {
        unfinished.delete(repository);
      }),
    );
  const createRepository = (repository: RepositoryName): Effect.Effect<boolean, RegistryError> =>
    Effect.gen(function* () {
      const isNew = yield* api.call("CreateRepository", repository, (calls, signal) =>
        calls.create(repository, how, signal),
      );
      if (isNew) {
        unfinished.add(repository);
        yield* finish(repository);
      }
      return isNew;
    });
  const into = <A>(
    repository: RepositoryName,
    write: Effect.Effect<A, RegistryError>,
  ): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => (unfinished.has(repository) ? Effect.andThen(finish(repository), write) : write));
  return ensuringRepository({
    ...registry,
    startUpload: (repository, mount) => into(repository, registry.startUpload(repository, mount)),
    putManifest: (repository, reference, manifest) =>
      into(repository, registry.putManifest(repository, reference, manifest)),
    powers: { ...registry.powers, createRepository },
  });
};

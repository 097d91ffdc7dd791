import { ensuringRepository, type Registry, type RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import type { EcrApi } from "./api.ts";
import type { CreateRepositories } from "./options.ts";

/** Names that are remembered as there; beyond them each write asks. The default quota of a region is as many repositories. */
const KNOWN_MAX = 100_000;

/**
 * Makes missing repositories as configured, before the first write of this process into each: a push into a missing one does not always say so (closed
 * connections, no Location: facts/ecr.md 4.3). One that is removed later is made when its absence is said. A lifecycle policy is a call of its own: one
 * that failed is asked for again before anything else is written, as long as this process lives. A repository that was there is never changed.
 */
export const creating = (registry: Registry, api: EcrApi, how: CreateRepositories): Registry => {
  const known = new Set<RepositoryName>();
  const unfinished = new Set<RepositoryName>();
  const asking = new Map<RepositoryName, Semaphore.Semaphore>();

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

  const remember = (repository: RepositoryName): Effect.Effect<void> =>
    Effect.sync(() => {
      if (known.size < KNOWN_MAX) known.add(repository);
      asking.delete(repository);
    });
  const lookOrCreate = (repository: RepositoryName): Effect.Effect<void, RegistryError> =>
    Effect.matchEffect(
      api.call("DescribeRepositories", repository, (calls, signal) => calls.repository(repository, signal)),
      {
        onSuccess: () => remember(repository),
        onFailure: ({ reason }) => {
          if (reason === "repository-unknown")
            return Effect.andThen(createRepository(repository), remember(repository));
          // What cannot be asked is tried: the write says whether it is there. Rights that are missing will be so the next time too.
          return reason === "denied" ? remember(repository) : Effect.void;
        },
      },
    );
  const ensure = (repository: RepositoryName): Effect.Effect<void, RegistryError> =>
    Effect.suspend(() => {
      if (unfinished.has(repository)) return finish(repository);
      if (known.has(repository)) return Effect.void;
      const one = asking.get(repository) ?? Semaphore.makeUnsafe(1);
      asking.set(repository, one);
      return one.withPermit(Effect.suspend(() => (known.has(repository) ? Effect.void : lookOrCreate(repository))));
    });

  return ensuringRepository({
    ...registry,
    startUpload: (repository, mount) => Effect.andThen(ensure(repository), registry.startUpload(repository, mount)),
    putManifest: (repository, reference, manifest) =>
      Effect.andThen(ensure(repository), registry.putManifest(repository, reference, manifest)),
    powers: { ...registry.powers, createRepository },
  });
};

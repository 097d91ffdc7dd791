import { ensuringRepository, type Registry, RegistryError } from "@drayage/oci-core";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ArtifactRegistryApi, RepositoryCreation } from "./api.ts";
import type { Listing } from "./listing.ts";

/** Tags that come while the others are deleted are deleted too, but not for ever. */
const PASSES_MAX = 3;

/** Deletes tags before the digest that they point to; the registry refuses any other order. Never deletes an index for the sake of a child. */
export const deletingInOrder = (
  registry: Registry,
  { tagsNow, forget }: Pick<Listing, "tagsNow" | "forget">,
): Registry => {
  const remove = (
    repository: RepositoryName,
    reference: Tag | Digest,
    pass = 1,
  ): Effect.Effect<boolean, RegistryError> =>
    Effect.catchIf(
      registry.deleteManifest(repository, reference),
      ({ code }) => code === "GOOGLE_MANIFEST_DANGLING_TAG" && pass < PASSES_MAX,
      () =>
        Effect.flatMap(tagsNow(repository), (tags) =>
          Effect.andThen(
            Effect.forEach(
              tags.filter(({ digest }) => digest === reference),
              ({ tag }) => registry.deleteManifest(repository, tag),
              { discard: true },
            ),
            remove(repository, reference, pass + 1),
          ),
        ),
    );
  return {
    ...registry,
    deleteManifest: (repository, reference) => Effect.ensuring(remove(repository, reference), forget),
  };
};

/** A tag that cannot be moved and holds these very bytes is a success. */
export const acceptingEqual = (registry: Registry, { forget }: Pick<Listing, "forget">): Registry => ({
  ...registry,
  putManifest: (repository, reference, manifest) =>
    Effect.ensuring(
      Effect.catchIf(
        registry.putManifest(repository, reference, manifest),
        ({ reason }) => reason === "conflict",
        (error) =>
          Effect.flatMap(registry.resolve(repository, reference), (held) =>
            held?.digest === manifest.digest
              ? Effect.succeed({ subjectAccepted: false, named: true })
              : Effect.fail(error),
          ),
      ),
      forget,
    ),
});

/**
 * Makes a missing repository on the first push. Artifact Registry says `denied` for a missing one as well as for missing rights
 * (facts/artifact-registry.md 3.1): its API tells which it is.
 */
export const creating = (registry: Registry, api: ArtifactRegistryApi, creation: RepositoryCreation): Registry => {
  const telling = <A>(
    repository: RepositoryName,
    write: Effect.Effect<A, RegistryError>,
  ): Effect.Effect<A, RegistryError> =>
    Effect.catchIf(
      write,
      ({ reason }) => reason === "denied",
      (error) => Effect.flatMap(api.exists(repository), (there) => Effect.fail(there ? error : missing(error))),
    );
  /** What is looked for before a push: nothing is there, for the API says that there is no repository. */
  const lookingFor = <A>(repository: RepositoryName, look: Effect.Effect<A, RegistryError>, nothing: A) =>
    Effect.catchIf(
      telling(repository, look),
      ({ reason }) => reason === "repository-unknown",
      () => Effect.succeed(nothing),
    );
  return ensuringRepository({
    ...registry,
    resolve: (repository, reference, known) =>
      lookingFor(repository, registry.resolve(repository, reference, known), undefined),
    hasBlob: (repository, digest) => lookingFor(repository, registry.hasBlob(repository, digest), false),
    tags: (repository) =>
      Stream.catchIf(
        registry.tags(repository),
        ({ reason }) => reason === "denied",
        (error) => Stream.fromEffect(telling(repository, Effect.fail(error))),
      ),
    powers: { ...registry.powers, createRepository: (repository) => api.create(repository, creation) },
    startUpload: (repository, mount) => telling(repository, registry.startUpload(repository, mount)),
    putManifest: (repository, reference, manifest) =>
      telling(repository, registry.putManifest(repository, reference, manifest)),
  });
};

const missing = ({ registry, operation, reference, detail, status, code }: RegistryError): RegistryError =>
  new RegistryError({ registry, operation, reference, reason: "repository-unknown", detail, status, code });

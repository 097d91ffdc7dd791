import type { Api, Registry, RegistryError } from "@drayage/oci-core";
import { type Digest, parseDigest, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { readHasFolders } from "./wire.ts";

/**
 * Deletes one tag, or a digest with all its tags. By the registry API; a version that does not take tags there has the tag's folder removed, which is the
 * tag and nothing else. Not where the folder holds folders: those are images of their own (`app/1` is a tag of `app` and may be an image too), and then the
 * refusal stands. Source: facts/artifactory.md 3.7.
 */
export const deleteBy =
  (api: Api, registry: Pick<Registry, "deleteManifest">) =>
  (repository: RepositoryName, reference: Tag | Digest): Effect.Effect<boolean, RegistryError> =>
    Effect.catchIf(
      registry.deleteManifest(repository, reference),
      (error) => error.reason === "unsupported" && parseDigest(reference) === undefined,
      (refusal) => deleteFolder(api, repository, reference, refusal),
    );

const deleteFolder = (
  api: Api,
  repository: RepositoryName,
  tag: string,
  refusal: RegistryError,
): Effect.Effect<boolean, RegistryError> => {
  const place = { reference: `${repository}:${tag}`, path: `${repository}/${tag}` };
  const gone = (error: RegistryError): boolean => error.reason === "not-found";
  return api
    .call({
      operation: "GET folder",
      reference: place.reference,
      method: "GET",
      path: `api/storage/${place.path}`,
      read: readHasFolders,
    })
    .pipe(
      Effect.flatMap((hasFolders) =>
        hasFolders
          ? Effect.fail(refusal)
          : api.call({
              operation: "DELETE folder",
              reference: place.reference,
              method: "DELETE",
              path: place.path,
              accept: [200],
              read: () => true,
            }),
      ),
      Effect.catchIf(gone, () => Effect.succeed(false)),
    );
};

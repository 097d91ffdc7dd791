import { RegistryError, type RegistryReason } from "@drayage/oci-core";
import { type Digest, isDigest, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import type { DeleteFailure, EcrApi, ImageId } from "./api.ts";

/** The limit of BatchDeleteImage. */
export const BATCH_MOST = 100;
const ABSENT = "ImageNotFound";

/** Failure codes of BatchDeleteImage, which answers 200 with them. Source: facts/ecr.md 3.2, 3.4. */
const REASONS: Readonly<Record<string, RegistryReason>> = {
  // A child of an index that is still there, or its last tag: the index goes first.
  ImageReferencedByManifestList: "conflict",
  ImageTagDoesNotMatchDigest: "conflict",
  InvalidImageDigest: "invalid-request",
  InvalidImageTag: "invalid-request",
  MissingDigestAndTag: "invalid-request",
  KmsError: "denied",
  ImageInaccessible: "denied",
};

/**
 * Deletes one tag (with its last tag an image goes) or one digest with all its tags, by the AWS API: whether the Docker side takes a tag is
 * not documented. `false`: it was not there.
 */
export const removeOne = (
  api: EcrApi,
  registry: string,
  repository: RepositoryName,
  reference: Tag | Digest,
): Effect.Effect<boolean, RegistryError> =>
  Effect.flatMap(removeAll(api, registry, repository, [reference]), ({ absent }) => Effect.succeed(absent === 0));

/**
 * Deletes many in as few calls as the API allows, in the order given: an index must stand before its children. A failure of one is an error
 * after all the others of its batch are gone.
 */
export const removeAll = Effect.fnUntraced(function* (
  api: EcrApi,
  registry: string,
  repository: RepositoryName,
  references: ReadonlyArray<Tag | Digest>,
) {
  let absent = 0;
  for (let at = 0; at < references.length; at += BATCH_MOST) {
    const ids = references.slice(at, at + BATCH_MOST).map(idOf);
    const failures = yield* api.call("BatchDeleteImage", repository, (calls, signal) =>
      calls.remove(repository, ids, signal),
    );
    absent += failures.filter(({ code }) => code === ABSENT).length;
    const failed = failures.find(({ code }) => code !== ABSENT);
    if (failed !== undefined) return yield* failureOf(registry, repository, failed);
  }
  return { absent };
});

const idOf = (reference: Tag | Digest): ImageId =>
  isDigest(reference) ? { imageDigest: reference } : { imageTag: reference };

const failureOf = (registry: string, repository: RepositoryName, { id, code, reason }: DeleteFailure): RegistryError =>
  new RegistryError({
    registry,
    operation: "BatchDeleteImage",
    reference:
      id === undefined
        ? repository
        : "imageTag" in id
          ? `${repository}:${id.imageTag}`
          : `${repository}@${id.imageDigest}`,
    reason: REASONS[code] ?? "unavailable",
    detail: reason,
    code,
  });

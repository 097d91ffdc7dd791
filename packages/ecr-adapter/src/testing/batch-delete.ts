import { type Answer, json } from "@drayage/oci-core/testing";
import { type Body, childrenOf, type WireImageId } from "./aws-wire.ts";
import { type EcrState, exception } from "./state.ts";

const IDS_MOST = 100;

interface Outcome {
  readonly gone?: WireImageId;
  readonly failure?: { readonly imageId: WireImageId; readonly failureCode: string; readonly failureReason: string };
}

/** 200 with failures among the successes; the last tag takes its image with it, unless an index needs that. Source: facts/ecr.md 3.4. */
export const batchDelete = (state: EcrState, repository: string, { imageIds = [] }: Body): Answer => {
  if (imageIds.length === 0 || imageIds.length > IDS_MOST)
    return exception(400, "InvalidParameterException", "imageIds must have 1 to 100 entries");
  const outcomes = imageIds.map((id) => deleteOne(state, repository, id));
  return json(200, {
    imageIds: outcomes.flatMap(({ gone }) => (gone === undefined ? [] : [gone])),
    failures: outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure])),
  });
};

const deleteOne = (state: EcrState, repository: string, imageId: WireImageId): Outcome => {
  const registry = state.registry();
  const failed = (failureCode: string, failureReason: string): Outcome => ({
    failure: { imageId, failureCode, failureReason },
  });
  const { imageTag, imageDigest } = imageId;
  const held = registry.manifest(repository, imageTag ?? imageDigest ?? "");
  if (held === undefined) return failed("ImageNotFound", "Requested image not found");
  const tags = registry.tags(repository).filter((tag) => registry.manifest(repository, tag)?.digest === held.digest);
  const isLast = imageTag === undefined || tags.length === 1;
  const parent = registry
    .manifests(repository)
    .find((digest) => childrenOf(registry.manifest(repository, digest)?.bytes).includes(held.digest));
  if (isLast && parent !== undefined)
    return failed("ImageReferencedByManifestList", `Requested image referenced by manifest list: [${parent}]`);
  if (imageTag !== undefined) registry.deleteTag(repository, imageTag);
  else for (const tag of tags) registry.deleteTag(repository, tag);
  if (isLast) registry.deleteManifest(repository, held.digest);
  for (const tag of imageTag === undefined ? (tags.length === 0 ? [""] : tags) : [imageTag]) {
    state.tell({ action: "delete", what: "manifest", repository, tag, digest: held.digest });
  }
  return { gone: { imageDigest: held.digest, ...(imageTag === undefined ? {} : { imageTag }) } };
};

import { randomUUID } from "node:crypto";
import type { RegistryChange } from "@drayage/oci-core/testing";

/** The EventBridge event that ECR makes of a change; `undefined` where it makes none. Pulls and blobs are not reported. Source: facts/ecr.md section 8. */
export const eventOf = (
  { account, region }: { readonly account: string; readonly region: string },
  {
    action,
    what,
    repository,
    tag = "",
    digest,
    mediaType,
  }: Pick<RegistryChange, "action" | "what" | "repository" | "tag" | "digest" | "mediaType">,
): object | undefined => {
  if (what === "blob" || (action !== "push" && action !== "delete")) return undefined;
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "ECR Image Action",
    source: "aws.ecr",
    account,
    // Seconds, without a fraction.
    time: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    region,
    resources: [],
    detail: {
      result: "SUCCESS",
      "repository-name": repository,
      "image-digest": digest,
      "action-type": action === "push" ? "PUSH" : "DELETE",
      // A child that is pushed by digest has an empty tag, not none.
      "image-tag": tag,
      ...(mediaType === undefined ? {} : { "manifest-media-type": mediaType }),
    },
  };
};

import type { RegistryReason } from "./errors.ts";

/** What a request was about: the same status and code mean different things for different things. */
export type Topic = "manifest" | "manifest-put" | "blob" | "upload" | "tags" | "catalog" | "referrers" | "ping";

/** Codes that mean the same wherever they come. Source: distribution-spec v1.1.1 "Error Codes", and the registries' own. */
const BY_CODE: ReadonlyMap<string, RegistryReason> = new Map([
  ["MANIFEST_UNKNOWN", "not-found"],
  ["BLOB_UNKNOWN", "not-found"],
  ["NAME_UNKNOWN", "repository-unknown"],
  // Harbor: project or artefact missing, one code for both. The weaker claim, so that no tag is ever deleted because of it.
  ["NOT_FOUND", "repository-unknown"],
  ["MANIFEST_BLOB_UNKNOWN", "content-missing"],
  ["BLOB_UPLOAD_UNKNOWN", "upload-lost"],
  ["BLOB_UPLOAD_INVALID", "upload-lost"],
  ["MANIFEST_INVALID", "invalid-request"],
  ["MANIFEST_UNVERIFIED", "invalid-request"],
  ["NAME_INVALID", "invalid-request"],
  ["PAGINATION_NUMBER_INVALID", "invalid-request"],
  ["TAG_IMMUTABLE", "conflict"],
  ["PRECONDITION", "conflict"],
  // Artifact Registry refuses to delete what a tag, an index or a referrer still points to.
  ["GOOGLE_MANIFEST_DANGLING_TAG", "conflict"],
  ["GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "conflict"],
  ["GOOGLE_MANIFEST_REFERRING_MANIFEST", "conflict"],
  ["UNSUPPORTED", "unsupported"],
]);

const BY_STATUS: ReadonlyMap<number, RegistryReason> = new Map([
  [400, "invalid-request"],
  [401, "unauthorized"],
  [403, "denied"],
  [405, "unsupported"],
  [408, "unavailable"],
  [409, "conflict"],
  [411, "invalid-request"],
  [412, "conflict"],
  [413, "too-large"],
  [414, "invalid-request"],
  [415, "invalid-request"],
  [425, "unavailable"],
  [429, "rate-limited"],
  [431, "invalid-request"],
  [499, "unavailable"], // proxies: the client is said to have hung up
]);

/** Statuses that decide whatever the code is: GHCR and others send DENIED with 429, docker-registry UNKNOWN with 500. */
const decidesAlone = (status: number): boolean =>
  status === 401 || status === 403 || status === 408 || status === 425 || status === 429 || status >= 500;

/**
 * The reason of an answer that is not success. A 404 without a code is `invalid-response`: a proxy or the wrong backend
 * may have sent it, and absence must be said by the registry.
 */
export const classify = (status: number, code: string | undefined, topic: Topic, message = ""): RegistryReason => {
  if (decidesAlone(status)) return BY_STATUS.get(status) ?? "unavailable";
  const special = byTopic(status, code, topic, message);
  if (special !== undefined) return special;
  const known = code === undefined ? undefined : BY_CODE.get(code);
  return known ?? BY_STATUS.get(status) ?? "invalid-response";
};

const byTopic = (
  status: number,
  code: string | undefined,
  topic: Topic,
  message: string,
): RegistryReason | undefined => {
  switch (code) {
    case "DIGEST_INVALID":
    case "SIZE_INVALID":
      // After an upload: the bytes broke on the way, start again. Elsewhere: we asked for nonsense.
      return topic === "upload" ? "digest-mismatch" : "invalid-request";
    case "TAG_INVALID":
      // ECR's word for an immutable tag, also when it already holds the same digest.
      return /immutable/i.test(message) ? "conflict" : "invalid-request";
    case "MANIFEST_UNKNOWN":
    case "BLOB_UNKNOWN":
      // We bring the manifest, so what is unknown is what it names (zot says it so).
      return topic === "manifest-put" ? "content-missing" : undefined;
    case "TOOMANYREQUESTS":
      return "rate-limited";
    case "DENIED":
      return "denied";
    default:
      if (topic.startsWith("manifest") && /tag immutability/i.test(message)) return "conflict"; // Artifact Registry
      return status === 416 && topic === "upload" ? "upload-lost" : undefined;
  }
};

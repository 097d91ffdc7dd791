/** OCI images as they are: names, digests, descriptors, manifests. Pure, and safe to import from anywhere. */
export type { Digest, RepositoryName, Tag } from "./brand.ts";
export {
  choosePlatforms,
  matchesPlatform,
  type PlatformChoice,
  REWRITTEN_FROM,
  rewriteIndex,
} from "./choose-platforms.ts";
export type { Descriptor, Platform } from "./descriptor.ts";
export {
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestOf,
  finishDigest,
  hashFor,
  isDigest,
  parseDigest,
} from "./digest.ts";
export {
  cosignTag,
  type DigestTag,
  type DigestTagKind,
  isDigestTag,
  parseDigestTag,
  referrerTag,
} from "./digest-tag.ts";
export type { ImageManifest, IndexManifest, Manifest } from "./manifest.ts";
export {
  isForeignLayerType,
  isIndexType,
  isManifestType,
  MANIFEST_ACCEPT,
  type ManifestShape,
  MEDIA_TYPES,
  mediaTypeOf,
  shapeOf,
} from "./media-types.ts";
export { parseRepositoryName, parseTag, REPOSITORY_NAME_LENGTH_MAX, TAG_LENGTH_MAX } from "./names.ts";
export {
  DESCRIPTORS_MAX,
  MANIFEST_BYTES_MAX,
  type ManifestRefusal,
  type ManifestRefused,
  parseManifest,
} from "./parse-manifest.ts";
export { parsePlatform, platformString } from "./platform.ts";
export { apiHost, formatReference, type ImageReference, type InvalidReference, parseReference } from "./reference.ts";
export { artifactTypeOf, COSIGN_TYPES, newestReferrers, type ReferrerChoice } from "./referrer-choice.ts";
export type { SignatureRule } from "./signature-rule.ts";

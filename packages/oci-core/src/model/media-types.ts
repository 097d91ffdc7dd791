/**
 * Media types as data. Source: image-spec media-types.md, Docker "Image manifest v2 schema 2".
 * Unknown types are never an error of a copy; these are the ones whose shape we must know.
 */
export const MEDIA_TYPES = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  /** Removed from the specification before 1.1 was released, still found: `blobs[]` instead of layers. Refused. */
  ociArtifact: "application/vnd.oci.artifact.manifest.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  /** Its digest is computed without the signatures in the document, so the bytes cannot be verified. Refused. */
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

/** What the document of a media type looks like, as far as a copy must know it. */
export type ManifestShape = "image" | "index" | "schema-1" | "artifact";

const SHAPES: ReadonlyMap<string, ManifestShape> = new Map([
  [MEDIA_TYPES.ociIndex, "index"],
  [MEDIA_TYPES.dockerList, "index"],
  [MEDIA_TYPES.ociManifest, "image"],
  [MEDIA_TYPES.dockerManifest, "image"],
  [MEDIA_TYPES.ociArtifact, "artifact"],
  [MEDIA_TYPES.dockerSchema1, "schema-1"],
  [MEDIA_TYPES.dockerSchema1Signed, "schema-1"],
]);

/** The shape that a media type promises; `undefined` for types that are not manifests, or not known to us. */
export const shapeOf = (mediaType: string): ManifestShape | undefined => SHAPES.get(mediaType);

/** Whether a descriptor of this type is fetched from `/manifests/`. Unknown types may be either. */
export const isManifestType = (mediaType: string): boolean => SHAPES.has(mediaType);

/** Whether the type is an index or a Docker manifest list. */
export const isIndexType = (mediaType: string): boolean => SHAPES.get(mediaType) === "index";

/**
 * The `Accept` header of every manifest request. Without it registries convert documents, or answer MANIFEST_UNKNOWN for
 * what they do have; so the end of the list takes everything, and what we cannot copy is refused with its true reason.
 */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerList,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.ociArtifact,
  "*/*;q=0.1",
].join(", ");

const FOREIGN_LAYER = /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;

/** Layers that their makers do not allow to be passed on. The type decides, not `urls` (image-spec, layer.md). */
export const isForeignLayerType = (mediaType: string): boolean => FOREIGN_LAYER.test(mediaType);

/** Types that a proxy or a lazy server puts on any body: they say nothing about the document. */
const GENERIC: ReadonlySet<string> = new Set(["application/json", "application/octet-stream", "text/plain", "*/*", ""]);

/** `Content-Type` without parameters, in lower case; `undefined` where it says nothing (absent or generic). */
export const mediaTypeOf = (contentType: string | undefined): string | undefined => {
  const essence = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return GENERIC.has(essence) ? undefined : essence;
};

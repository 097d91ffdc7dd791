import type { Descriptor } from "./descriptor.ts";
import { digestOf, parseDigest } from "./digest.ts";
import { topLevelKeys } from "./json-keys.ts";
import type { Manifest } from "./manifest.ts";
import { type ManifestShape, MEDIA_TYPES, mediaTypeOf, shapeOf } from "./media-types.ts";
import { firstIssue, imageDocument, indexDocument, type WireDescriptor } from "./wire.ts";

/** Registries must take 4 MiB and some take more: read up to twice that. Source: distribution-spec v1.1.1 "Pushing Manifests". */
export const MANIFEST_BYTES_MAX = 8 * 1024 * 1024;
/** The largest indexes in public use list about 60 manifests, the deepest images 127 layers; 1,000 stops a bomb and no image. */
export const DESCRIPTORS_MAX = 1000;

export type ManifestRefusal =
  | "not-json"
  | "schema-1" // cannot be verified, see MEDIA_TYPES.dockerSchema1
  | "unsupported-shape" // neither an image nor an index
  | "ambiguous" // both families of keys, a key twice, or a key that only differs in case
  | "media-type" // header, body and shape contradict each other
  | "descriptor" // a type, digest or size that cannot be used
  | "too-large";

/** A document that must not be copied: the reason, and one line that names the place. */
export interface ManifestRefused {
  readonly _tag: "Refused";
  readonly reason: ManifestRefusal;
  readonly detail: string;
}

const refused = (reason: ManifestRefusal, detail: string): ManifestRefused => ({ _tag: "Refused", reason, detail });

/**
 * Reads a manifest. Total: every input gives a manifest or a refusal, never an exception.
 * `contentType` is the header of the answer or the media type of the parent descriptor. `digest` is sha256 of the bytes.
 */
export const parseManifest = (bytes: Uint8Array, contentType?: string): Manifest | ManifestRefused => {
  if (bytes.byteLength > MANIFEST_BYTES_MAX)
    return refused("too-large", `${bytes.byteLength} bytes, at most ${MANIFEST_BYTES_MAX} are read`);
  const declared = mediaTypeOf(contentType);
  if (declared !== undefined && shapeOf(declared) === "schema-1")
    return refused(
      "schema-1",
      `${declared} is Docker schema 1, which cannot be verified: push the image again with a current client (docs/reference/refused.md)`,
    );
  const parsed = parseJson(bytes);
  if (parsed === undefined) return refused("not-json", "the body is no JSON object");

  const keys = topLevelKeys(parsed.text);
  const doubtful = ambiguity(keys);
  if (doubtful !== undefined) return refused("ambiguous", doubtful);
  const shape = shapeByKeys(new Set(keys), parsed.document);
  if (shape === "schema-1")
    return refused(
      "schema-1",
      "the document is Docker schema 1, which cannot be verified: push the image again with a current client (docs/reference/refused.md)",
    );
  if (shape !== "image" && shape !== "index")
    return refused(
      "unsupported-shape",
      "the document has neither config and layers nor manifests, so it is no image: push it again with a current client (docs/reference/refused.md)",
    );

  const written = parsed.document["mediaType"];
  const mediaType = agreedMediaType(
    declared,
    typeof written === "string" && written !== "" ? written : undefined,
    shape,
  );
  if (typeof mediaType !== "string") return mediaType;
  const base = { bytes, digest: digestOf(bytes), mediaType };
  return shape === "index" ? readIndex(base, parsed.document) : readImage(base, parsed.document);
};

type Base = Pick<Manifest, "bytes" | "digest" | "mediaType">;

const readImage = (base: Base, document: unknown): Manifest | ManifestRefused => {
  const wire = imageDocument.safeParse(document);
  if (!wire.success) return refused("descriptor", firstIssue(wire.error));
  const { config, layers, subject, artifactType, annotations } = wire.data;
  if (layers.length > DESCRIPTORS_MAX)
    return refused("too-large", `${layers.length} layers, at most ${DESCRIPTORS_MAX}`);
  const read = readDescriptors([config, ...layers], (i) => (i === 0 ? "config" : `layers[${i - 1}]`));
  const about = readSubject(subject);
  if ("_tag" in read) return read;
  if (about !== undefined && "_tag" in about) return about;
  const [first, ...rest] = read;
  if (first === undefined) return refused("descriptor", "config: absent");
  return { _tag: "Image", ...base, artifactType, subject: about, annotations, config: first, layers: rest };
};

const readIndex = (base: Base, document: unknown): Manifest | ManifestRefused => {
  const wire = indexDocument.safeParse(document);
  if (!wire.success) return refused("descriptor", firstIssue(wire.error));
  const { manifests, subject, artifactType, annotations } = wire.data;
  if (manifests.length > DESCRIPTORS_MAX)
    return refused("too-large", `${manifests.length} manifests, at most ${DESCRIPTORS_MAX}`);
  const read = readDescriptors(manifests, (i) => `manifests[${i}]`);
  const about = readSubject(subject);
  if ("_tag" in read) return read;
  if (about !== undefined && "_tag" in about) return about;
  return { _tag: "Index", ...base, artifactType, subject: about, annotations, manifests: read };
};

const readSubject = (wire: WireDescriptor | null | undefined): Descriptor | ManifestRefused | undefined => {
  if (wire === null || wire === undefined) return undefined;
  const read = readDescriptors([wire], () => "subject");
  return "_tag" in read ? read : read[0];
};

const readDescriptors = (
  list: ReadonlyArray<WireDescriptor>,
  place: (index: number) => string,
): ReadonlyArray<Descriptor> | ManifestRefused => {
  const out: Descriptor[] = [];
  for (const [index, wire] of list.entries()) {
    const digest = parseDigest(wire.digest);
    if (digest === undefined)
      return refused(
        "descriptor",
        `${place(index)}.digest: not a sha256 or sha512 digest: ${wire.digest.slice(0, 80)}`,
      );
    const { mediaType, size, artifactType, annotations, platform, urls } = wire;
    out.push({
      mediaType,
      digest,
      size,
      artifactType,
      annotations,
      platform: platform && { os: platform.os, architecture: platform.architecture, variant: platform.variant },
      urls,
    });
  }
  return out;
};

const parseJson = (bytes: Uint8Array): { text: string; document: Record<string, unknown> } | undefined => {
  try {
    // A byte order mark is kept, so that it is refused: other readers do not skip it.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const document: unknown = JSON.parse(text);
    return isRecord(document) ? { text, document } : undefined;
  } catch {
    return undefined; // Not UTF-8 or not JSON: both mean the same to the caller.
  }
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const IMAGE_KEYS = ["config", "layers"];
const INDEX_KEYS = ["manifests"];
const SCHEMA_1_KEYS = ["fsLayers", "history", "signatures"];
const ARTIFACT_KEYS = ["blobs"];
/** Go reads keys without regard to case: `Layers` would be layers to a cluster, and nothing to us. */
const MEANINGFUL: ReadonlyMap<string, string> = new Map(
  ["schemaVersion", "mediaType", "subject", ...IMAGE_KEYS, ...INDEX_KEYS, ...SCHEMA_1_KEYS, ...ARTIFACT_KEYS].map(
    (key) => [key.toLowerCase(), key],
  ),
);

const ambiguity = (keys: ReadonlyArray<string>): string | undefined => {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) return `the key ${JSON.stringify(key.slice(0, 80))} stands twice`;
    seen.add(key);
    const meant = MEANINGFUL.get(key.toLowerCase());
    if (meant !== undefined && meant !== key)
      return `the key ${JSON.stringify(key)} may be read as ${JSON.stringify(meant)}`;
  }
  const image = IMAGE_KEYS.find((key) => seen.has(key));
  const index = INDEX_KEYS.find((key) => seen.has(key));
  const old = seen.has("fsLayers") ? "fsLayers" : undefined;
  const families = [image, index, old].filter((key) => key !== undefined);
  return families.length > 1
    ? `the document has ${families.join(" and ")}, which belong to different kinds`
    : undefined;
};

const shapeByKeys = (keys: ReadonlySet<string>, document: Record<string, unknown>): ManifestShape | undefined => {
  if (document["schemaVersion"] === 1 || keys.has("fsLayers")) return "schema-1";
  if (INDEX_KEYS.some((key) => keys.has(key))) return "index";
  if (IMAGE_KEYS.some((key) => keys.has(key))) return "image";
  return ARTIFACT_KEYS.some((key) => keys.has(key)) ? "artifact" : undefined;
};

/** Header, body and shape must not contradict each other; where both are silent it is OCI, the only family that allows it. */
const agreedMediaType = (
  declared: string | undefined,
  written: string | undefined,
  shape: "image" | "index",
): string | ManifestRefused => {
  if (declared !== undefined && written !== undefined && declared !== written.toLowerCase())
    return refused("media-type", `the header says ${declared}, the document says ${written.slice(0, 120)}`);
  const mediaType = written ?? declared ?? (shape === "index" ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest);
  const promised = shapeOf(mediaType);
  if (promised !== undefined && promised !== shape)
    return refused("media-type", `the document is called ${mediaType} and looks like an ${shape}`);
  return mediaType;
};

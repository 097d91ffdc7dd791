import { isForeignLayerType, MEDIA_TYPES, shapeOf } from "../model/index.ts";
import { isDigest } from "./grammar.ts";

/** A pointer in a manifest. */
export interface Pointer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What the registry has to know of a manifest. The bytes stay the truth. */
export interface ManifestDocument {
  readonly config?: Pointer | undefined;
  /** Config and layers that must be in the repository; foreign layers are left out. */
  readonly blobs: ReadonlyArray<Pointer>;
  readonly children: ReadonlyArray<Pointer>;
  /** In the order of the document, foreign layers included. */
  readonly references: ReadonlyArray<Pointer>;
  readonly subject?: Pointer | undefined;
  /** Effective: the manifest's own, else the type of its config. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Either the document or the sentence that says why it is none. */
export type Checked =
  | { readonly _tag: "Valid"; readonly document: ManifestDocument }
  | { readonly _tag: "Invalid"; readonly reason: string };

type Json = Readonly<Record<string, unknown>>;

const invalid = (reason: string): Checked => ({ _tag: "Invalid", reason });

/** Strict reading of a manifest that was sent as `mediaType`. Source: OCI image-spec manifest.md, image-index.md, descriptor.md. */
export const checkManifest = (bytes: Uint8Array, mediaType: string): Checked => {
  const shape = shapeOf(mediaType);
  if (shape === undefined || shape === "schema-1") return invalid(`unknown manifest type ${mediaType}`);
  const root = parse(bytes);
  if (root === undefined) return invalid("the body is not a JSON object");
  if (shape !== "artifact" && root["schemaVersion"] !== 2) return invalid("schemaVersion must be 2");
  if (root["mediaType"] === undefined ? isDocker(mediaType) : root["mediaType"] !== mediaType) {
    return invalid(`mediaType in the body is ${String(root["mediaType"])}, Content-Type is ${mediaType}`);
  }
  // One document that can be read as two things is how CVE-2021-41190 worked.
  if ("manifests" in root && ("layers" in root || "config" in root)) return invalid("both an index and an image");

  const config = shape === "image" ? pointer(root["config"]) : undefined;
  const layers =
    shape === "index" ? [] : pointers(root[shape === "artifact" ? "blobs" : "layers"], shape === "artifact");
  const children = shape === "index" ? pointers(root["manifests"], false) : [];
  const subject = root["subject"] === undefined ? undefined : pointer(root["subject"]);
  const annotations = stringMap(root["annotations"]);
  if (shape === "image" && config === undefined) return invalid("config is no descriptor");
  if (layers === undefined) return invalid("a layer is no descriptor");
  if (children === undefined) return invalid("an entry of manifests is no descriptor");
  if (root["subject"] !== undefined && subject === undefined) return invalid("subject is no descriptor");
  if (annotations === undefined) return invalid("annotations must map strings to strings");
  const ownType = root["artifactType"];
  if (ownType !== undefined && typeof ownType !== "string") return invalid("artifactType must be a string");

  const owned = config === undefined ? layers : [config, ...layers];
  return {
    _tag: "Valid",
    document: {
      config,
      blobs: owned.filter((blob) => !isForeignLayerType(blob.mediaType)),
      children,
      references: [...owned, ...children],
      subject,
      artifactType: ownType ?? config?.mediaType,
      annotations: root["annotations"] === undefined ? undefined : annotations,
    },
  };
};

/** Docker's own documents must name their type, the others may. */
const isDocker = (mediaType: string): boolean =>
  mediaType === MEDIA_TYPES.dockerList || mediaType === MEDIA_TYPES.dockerManifest;

const parse = (bytes: Uint8Array): Json | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const pointer = (value: unknown): Pointer | undefined => {
  if (!isObject(value)) return undefined;
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number") return undefined;
  if (!mediaType.includes("/") || !isDigest(digest) || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { mediaType, digest, size };
};

const pointers = (value: unknown, optional: boolean): ReadonlyArray<Pointer> | undefined => {
  if (value === undefined && optional) return [];
  if (!Array.isArray(value)) return undefined;
  const found: Array<Pointer> = [];
  for (const item of value) {
    const read = pointer(item);
    if (read === undefined) return undefined;
    found.push(read);
  }
  return found;
};

const stringMap = (value: unknown): Readonly<Record<string, string>> | undefined => {
  if (value === undefined) return {};
  if (!isObject(value)) return undefined;
  const entries: Array<readonly [string, string]> = [];
  for (const [key, held] of Object.entries(value)) {
    if (typeof held !== "string") return undefined;
    entries.push([key, held]);
  }
  return Object.fromEntries(entries);
};

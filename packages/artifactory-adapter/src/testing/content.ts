import { MEDIA_TYPES } from "@drayage/oci-core/model";
import type { StrictRegistry } from "@drayage/oci-core/testing";

/** What the personality looks at and changes in the strict registry, whose names are `<stored key>/<image>`. */
export type Content = Pick<
  StrictRegistry,
  | "repositories"
  | "tags"
  | "manifest"
  | "manifests"
  | "blobs"
  | "shareBlob"
  | "putTag"
  | "putManifest"
  | "deleteTag"
  | "deleteManifest"
>;

/** A manifest as the file that Artifactory stores. Source: facts/artifactory.md 2.3, storage layout. */
export interface ManifestFile {
  readonly repo: string;
  /** `<image>/<tag>`, or `<image>/sha256:<hex>` for one without a tag. */
  readonly path: string;
  readonly name: "manifest.json" | "list.manifest.json";
  readonly sha256: string;
  readonly size: number;
}

const INDEXES: ReadonlySet<string> = new Set([MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerList]);

export const fileNameOf = (mediaType: string): ManifestFile["name"] =>
  INDEXES.has(mediaType) ? "list.manifest.json" : "manifest.json";

/** `<key>/<image>` in two. */
export const split = (name: string): readonly [string, string] => {
  const slash = name.indexOf("/");
  return [name.slice(0, slash), name.slice(slash + 1)];
};

/** Images of a stored key. */
export const imagesOf = (content: Content, key: string): ReadonlyArray<string> =>
  content.repositories().flatMap((name) => (name.startsWith(`${key}/`) ? [name.slice(key.length + 1)] : []));

/** All manifest files of a stored key. */
export const filesOf = (content: Content, key: string): ReadonlyArray<ManifestFile> =>
  imagesOf(content, key).flatMap((image) => {
    const name = `${key}/${image}`;
    const file = (reference: string, digest: string): ReadonlyArray<ManifestFile> => {
      const held = content.manifest(name, digest);
      if (held === undefined) return [];
      const { bytes, mediaType } = held;
      const sha256 = digest.slice("sha256:".length);
      return [
        { repo: key, path: `${image}/${reference}`, name: fileNameOf(mediaType), sha256, size: bytes.byteLength },
      ];
    };
    const tagged = content.tags(name).flatMap((tag) => file(tag, content.manifest(name, tag)?.digest ?? ""));
    const named = new Set(tagged.map(({ sha256 }) => `sha256:${sha256}`));
    const untagged = content.manifests(name).filter((digest) => !named.has(digest));
    return [...tagged, ...untagged.flatMap((digest) => file(digest, digest))];
  });

interface Document {
  readonly config?: { readonly digest: string };
  readonly layers?: ReadonlyArray<{ readonly digest: string }>;
  readonly manifests?: ReadonlyArray<{ readonly digest: string }>;
}

const documentOf = (bytes: Uint8Array): Document => {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Document;
  } catch {
    return {};
  }
};

/** Digests of manifests that one lists. */
export const childrenOf = (bytes: Uint8Array): ReadonlyArray<string> =>
  (documentOf(bytes).manifests ?? []).map(({ digest }) => digest);

/** A blob of any image of a key is a blob of all: what a manifest or a request names is made visible here. Source: facts/artifactory.md 2.4, 2.6. */
export const gatherBlobs = (content: Content, name: string, digests: ReadonlyArray<string>): void => {
  const [key] = split(name);
  for (const digest of digests) {
    if (content.blobs(name).includes(digest)) continue;
    const holder = imagesOf(content, key).find((image) => content.blobs(`${key}/${image}`).includes(digest));
    if (holder !== undefined) content.shareBlob(`${key}/${holder}`, name, digest);
  }
};

export const blobsOf = (bytes: Uint8Array): ReadonlyArray<string> => {
  const { config, layers = [] } = documentOf(bytes);
  return [...(config === undefined ? [] : [config]), ...layers].map(({ digest }) => digest);
};

/** One image reference and all below it, put elsewhere; children first. */
export const copyInside = (content: Content, from: string, to: string, digest: string, tag?: string): void => {
  const held = content.manifest(from, digest);
  if (held === undefined) return;
  for (const child of childrenOf(held.bytes)) copyInside(content, from, to, child);
  for (const blob of blobsOf(held.bytes)) content.shareBlob(from, to, blob);
  content.putManifest(to, tag ?? digest, held);
};

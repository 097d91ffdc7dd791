import { type Digest, parseDigest, parseTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import { joinName } from "./access.ts";
import type { AqlRow } from "./wire.ts";

/** A manifest file, and what it is as an image. */
export interface StoredManifest {
  readonly key: string;
  readonly image: string;
  readonly repository: RepositoryName;
  /** Absent: stored by digest only (a child of an index, or a kept revision). */
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
}

/** Artifactory stores an image as `<image>/<tag>/<file>`; an index and a Docker list have the second name. */
export const MANIFEST_FILES: ReadonlySet<string> = new Set(["manifest.json", "list.manifest.json"]);
/** How a manifest without a tag is stored: `sha256:<hex>`, in remote caches and kept revisions `sha256__<hex>`. */
export const BY_DIGEST = /^sha256(?::|__)/;

/** The image of a row; `undefined` for what is none (uploads, `.jfrog`, names that cannot be referred to). Source: facts/artifactory.md 2.3, 3.3. */
export const storedManifest = ({ repo, path, name, sha256 }: AqlRow): StoredManifest | undefined => {
  if (!MANIFEST_FILES.has(name)) return undefined;
  const segments = path.split("/");
  const reference = segments.at(-1) ?? "";
  const image = segments.slice(0, -1).join("/");
  const repository = joinName(repo, image);
  const tag = BY_DIGEST.test(reference) ? undefined : parseTag(reference);
  if (repository === undefined || (tag === undefined && !BY_DIGEST.test(reference))) return undefined;
  return { key: repo, image, repository, tag, digest: parseDigest(`sha256:${sha256 ?? ""}`) };
};

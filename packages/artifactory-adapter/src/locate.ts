import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";
import { BY_DIGEST, MANIFEST_FILES } from "./stored.ts";
import type { WebhookData } from "./wire.ts";

/** Where a webhook points: `<key>/<image>` as docker would pull it, and the tag, unless the manifest was stored by digest. */
export interface Located {
  readonly _tag: "Located";
  readonly repository: RepositoryName;
  readonly image: string;
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
  /** What is not as documented, in a line. */
  readonly warning?: string | undefined;
}
/** `why` is the place in the body and what is wrong there. */
export type Elsewhere =
  | { readonly _tag: "NotAManifest"; readonly why: string }
  | { readonly _tag: "Unreadable"; readonly why: string };

/**
 * Reads `data.path`, the only place that has the whole name: `image_name` is the last segment of it on current versions (facts/artifactory.md
 * 1.6). It is asked only when the path is too short to hold a name.
 */
export const locate = (data: WebhookData): Located | Elsewhere => {
  const segments = (data.path ?? "").split("/").filter((segment) => segment !== "");
  const short = segments.length < 3;
  const file = segments.at(-1) ?? "";
  if (!short && !MANIFEST_FILES.has(file)) {
    return { _tag: "NotAManifest", why: `data.path: ${shown(file)} is no manifest` };
  }
  const image = short ? data.image_name : segments.slice(0, -2).join("/");
  const reference = short ? data.tag : segments.at(-2);
  if (image === undefined || reference === undefined) {
    return { _tag: "Unreadable", why: `data.path: ${shown(data.path)} does not hold <image>/<tag>/manifest.json` };
  }
  const name = `${data.repo_key ?? ""}/${image}`;
  const repository = parseRepositoryName(name);
  if (repository === undefined) {
    const place =
      data.repo_key === undefined
        ? "data.repo_key: is missing"
        : `data.repo_key and data.path: ${shown(name)} is no repository name`;
    return { _tag: "Unreadable", why: place };
  }
  const byDigest = BY_DIGEST.test(reference);
  const tag = byDigest ? undefined : parseTag(reference);
  if (!byDigest && tag === undefined) return { _tag: "Unreadable", why: `data.tag: ${shown(reference)} is no tag` };
  const differs = tag !== undefined && data.tag !== undefined && data.tag !== tag;
  return {
    _tag: "Located",
    repository,
    image,
    tag,
    // The hex of the manifest file; events have no other digest.
    digest: parseDigest(`sha256:${data.sha256 ?? ""}`),
    warning: differs ? `data.tag ${shown(data.tag)} is not the ${shown(tag)} of data.path, which was taken` : undefined,
  };
};

const shown = (text: string | undefined): string => JSON.stringify((text ?? "").slice(0, 200));

import type { Digest, Tag } from "./brand.ts";
import { digestAlgorithm, digestHex, parseDigest } from "./digest.ts";

/** What a tag made from a digest points to: the referrers of that digest (fallback), or a cosign artefact for it. */
export type DigestTagKind = "fallback" | "sig" | "att" | "sbom";

export interface DigestTag {
  readonly subject: Digest;
  readonly kind: DigestTagKind;
}

/** A tag may hold 128 characters; the specification cuts the encoded part at 64. Source: distribution-spec v1.1.1 "Referrers Tag Schema". */
const ENCODED_LENGTH_MAX = 64;
const SUFFIXES: ReadonlyMap<string, DigestTagKind> = new Map([
  ["", "fallback"],
  [".sig", "sig"],
  [".att", "att"],
  [".sbom", "sbom"],
]);
const DIGEST_TAG = /^(sha256|sha512)-([a-f0-9]{64})(\.[a-z]+)?$/;

/** The fallback tag that lists the referrers of `subject` on registries without the referrers API. */
export const referrerTag = (subject: Digest): Tag =>
  `${digestAlgorithm(subject)}-${digestHex(subject).slice(0, ENCODED_LENGTH_MAX)}` as Tag;

/** The tag that cosign writes for `subject`. */
export const cosignTag = (subject: Digest, kind: Exclude<DigestTagKind, "fallback">): Tag =>
  `${referrerTag(subject)}.${kind}` as Tag;

/**
 * Reads `sha256-<hex>` with or without cosign's suffix; `undefined` for every other tag. The tag of a sha512 subject is
 * cut, so its subject cannot be told from it: `isDigestTag` knows it, this does not.
 */
export const parseDigestTag = (tag: string): DigestTag | undefined => {
  const [, algorithm, encoded, suffix = ""] = DIGEST_TAG.exec(tag) ?? [];
  const kind = SUFFIXES.get(suffix);
  if (algorithm !== "sha256" || encoded === undefined || kind === undefined) return undefined;
  const subject = parseDigest(`sha256:${encoded}`);
  return subject === undefined ? undefined : { subject, kind };
};

/** Whether the tag belongs to a digest and is no release of its own. */
export const isDigestTag = (tag: string): boolean => {
  const match = DIGEST_TAG.exec(tag);
  return match !== null && SUFFIXES.has(match[3] ?? "");
};

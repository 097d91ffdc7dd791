import { createHash, type Hash } from "node:crypto";
import type { Digest } from "./brand.ts";

/** The algorithms that we can verify, with the length of their lower-case hex. Source: image-spec, descriptor.md "Registered algorithms". */
const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof HEX_LENGTH;

const DIGEST = /^(sha256|sha512):([a-f0-9]+)$/;

/**
 * Reads `algorithm:encoded`. `undefined` for everything that we could not verify later: another algorithm (legal in
 * the grammar), wrong length, upper case. What it returns holds no character that means something in a URL or a path.
 */
export const parseDigest = (text: string): Digest | undefined => (isDigest(text) ? text : undefined);

/** Whether the text is a digest as `parseDigest` takes it. */
export const isDigest = (text: string): text is Digest => {
  const match = DIGEST.exec(text);
  if (match === null) return false;
  return match[2]?.length === (match[1] === "sha256" ? HEX_LENGTH.sha256 : HEX_LENGTH.sha512);
};

/** The algorithm that the digest names. */
export const digestAlgorithm = (digest: Digest): DigestAlgorithm =>
  digest.startsWith("sha512:") ? "sha512" : "sha256";

/** The hex after the colon. */
export const digestHex = (digest: Digest): string => digest.slice(digest.indexOf(":") + 1);

/** `sha256` of the bytes, or another algorithm where a reference asks for it. */
export const digestOf = (bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest =>
  finishDigest(algorithm, createHash(algorithm).update(bytes));

/** A running hash that can be held against `digest`: feed it with `update`, end it with `finishDigest`. */
export const hashFor = (digest: Digest): Hash => createHash(digestAlgorithm(digest));

/** The digest of all that a running hash has seen. The hash cannot be used afterwards. */
export const finishDigest = (algorithm: DigestAlgorithm, hash: Hash): Digest =>
  `${algorithm}:${hash.digest("hex")}` as Digest;

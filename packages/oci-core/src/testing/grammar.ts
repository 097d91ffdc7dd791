/**
 * The grammar of names, tags and digests as the strict registry checks it: written from the specification and apart from
 * the parsers of `model/`, so that a mistake there does not pass here unseen. Source: OCI distribution-spec 1.1, "Definitions".
 */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Longest repository name. The specification leaves it open; clients count 255 for host and name together. */
const NAME_LENGTH_MAX = 255;

/** Whether `text` is a repository name. */
export const isName = (text: string): boolean => text.length <= NAME_LENGTH_MAX && NAME.test(text);

/** Whether `text` is a tag. */
export const isTag = (text: string): boolean => TAG.test(text);

/** Whether `text` is a digest of an algorithm that this registry can compute. */
export const isDigest = (text: string): boolean => DIGEST.test(text);

/** Algorithm of a digest that passed `isDigest`, by its name in node:crypto. */
export const algorithmOf = (digest: string): string => digest.slice(0, digest.indexOf(":"));

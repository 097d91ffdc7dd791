import type { RepositoryName, Tag } from "./brand.ts";

/** Many clients and registries refuse more for a repository name. Source: distribution-spec v1.1.1 "Pulling manifests". */
export const REPOSITORY_NAME_LENGTH_MAX = 255;
/** Source: the same section, the regular expression of a tag. */
export const TAG_LENGTH_MAX = 128;

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** A repository name without host, at most 255 characters; `undefined` where the grammar is broken. The `/` stays as it is in URLs. */
export const parseRepositoryName = (text: string): RepositoryName | undefined => {
  // The length first: the expression must never see text without a bound.
  const valid = text.length <= REPOSITORY_NAME_LENGTH_MAX && REPOSITORY.test(text);
  return valid ? (text as RepositoryName) : undefined;
};

/** A tag, at most 128 characters; `undefined` where the grammar is broken (`+` is not allowed: Helm writes it as `_`). */
export const parseTag = (text: string): Tag | undefined => (TAG.test(text) ? (text as Tag) : undefined);

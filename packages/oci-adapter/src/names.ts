import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";

/** What stands in a body, and where: the place goes into the warning. */
export interface Field {
  readonly at: string;
  readonly text: string | undefined;
}

/** Names that passed their grammar. */
export interface Place {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
}

/**
 * The names of one event. Without a valid repository, or with a tag that is none, there is nothing to look at; a digest that is none is left
 * out, since a digest is for display only.
 */
export const placeOf = (given: {
  readonly repository: Field;
  readonly tag: Field;
  readonly digest: string | undefined;
}): Place | { readonly warning: string } => {
  const { repository, tag, digest } = given;
  if (repository.text === undefined) return { warning: `${repository.at}: is missing` };
  const name = parseRepositoryName(repository.text);
  if (name === undefined) return { warning: `${repository.at}: ${shown(repository.text)} is no repository name` };
  const named = tag.text === undefined ? undefined : parseTag(tag.text);
  if (tag.text !== undefined && named === undefined) return { warning: `${tag.at}: ${shown(tag.text)} is no tag` };
  return { repository: name, tag: named, digest: parseDigest(digest ?? "") };
};

/** The tag of a field that holds a tag, a digest (then there is no tag), or nothing. Source: facts/event-sources.md 3 and 10. */
export const tagUnlessDigest = (text: string | undefined): string | undefined =>
  text === undefined || text === "" || text.includes(":") ? undefined : text;

/** Text of a stranger, short enough and without control characters, for a log line. */
export const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
export const printable = (text: string): string => text.replace(/\p{C}/gu, "");
/** The name of a kind of event, as far as it is worth telling. */
export const kindOf = (text: string): string => printable(text).slice(0, 40);

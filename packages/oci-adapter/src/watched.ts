import type { Notification } from "@drayage/oci-core";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";

/** What was last seen of one repository, and what its registry is still to be asked in this round. */
export interface Watched {
  readonly repository: RepositoryName;
  /** `undefined`: listed, and not looked at yet. */
  readonly tags: Map<Tag, Digest | undefined>;
  /** Whether all tags were looked at once: only then a change can be told from what was there before us. */
  seenWhole: boolean;
  /** Tags to be looked at in this round; `undefined`: the listing comes first. */
  toAsk: Array<Tag> | undefined;
}

export const watch = (repository: RepositoryName): Watched => ({
  repository,
  tags: new Map(),
  seenWhole: false,
  toAsk: undefined,
});

/** What a listing tells: tags that are gone. New ones are told when their digest is known. */
export const vanished = ({ repository, tags }: Watched, listed: ReadonlySet<Tag>): ReadonlyArray<Notification> =>
  [...tags.keys()].filter((tag) => !listed.has(tag)).map((tag) => ({ _tag: "Deleted", repository, tag }));

/** What the digest of one tag tells. */
export const moved = (
  { repository, tags, seenWhole }: Watched,
  tag: Tag,
  digest: Digest,
): ReadonlyArray<Notification> =>
  seenWhole && tags.get(tag) !== digest ? [{ _tag: "Pushed", repository, tag, digest }] : [];

/** The end of the first round: what happened before we looked nobody knows, so the repository is looked through once. */
export const begun = (repository: RepositoryName): Notification => ({
  _tag: "Changed",
  repository,
  reason: "polling began",
});

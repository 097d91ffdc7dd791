import type { SourceTag } from "@drayage/domain";
import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";

/** Names in our tables were checked before they were written. One that is not valid is a broken invariant, so it is thrown and not an error value. */
const checked =
  <A>(what: string, parse: (text: string) => A | undefined) =>
  (text: string): A => {
    const value = parse(text);
    if (value === undefined) throw new TypeError(`table delivery holds "${text}", which is not a ${what}`);
    return value;
  };
export const toRepository: (text: string) => RepositoryName = checked("repository name", parseRepositoryName);
export const toTag: (text: string) => Tag = checked("tag", parseTag);
export const toDigest: (text: string) => Digest = checked("digest", parseDigest);

export interface SourceColumns {
  readonly source_registry: string;
  readonly source_repository: string;
  readonly source_tag: string;
}
export const toSource = (row: SourceColumns): SourceTag => ({
  registry: row.source_registry,
  repository: toRepository(row.source_repository),
  tag: toTag(row.source_tag),
});

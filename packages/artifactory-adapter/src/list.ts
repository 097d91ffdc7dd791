import type { ListedTag, Registry, RegistryError } from "@drayage/oci-core";
import type { RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { splitName } from "./access.ts";
import type { Search } from "./search.ts";
import { storedManifest } from "./stored.ts";
import type { AqlRow } from "./wire.ts";

/**
 * Tags of an image with their digests. The search finds what is stored, and `tags/list` has the last word on what there is: what it names and the search
 * did not (rows are left out by permissions after the limit) follows without a digest. Where searching is not allowed: `tags/list` alone.
 */
export const listBySearch =
  (registry: Pick<Registry, "tags">, search: Search) =>
  (repository: RepositoryName): Stream.Stream<ReadonlyArray<ListedTag>, RegistryError> => {
    const name = splitName(repository);
    if (name === undefined) return withoutDigests(registry, repository);
    const query = { _tag: "Image", key: name.key, image: name.image } as const;
    const reader = rowReader(name.key, name.image);
    let asked = 0;

    const found = (untilShort: boolean, from: number): Stream.Stream<ReadonlyArray<ListedTag>, RegistryError> =>
      search.pages(query, { untilShort, from }).pipe(
        Stream.map(({ rows }) => {
          asked += rows.length;
          return reader.read(rows);
        }),
      );

    const rest = Stream.unwrap(
      Effect.map(unseen(registry, repository, reader.seen), (missing) =>
        missing.size === 0
          ? Stream.empty
          : // The search ended early, or was cut by permissions: look further, then give up on digests.
            Stream.concat(
              found(false, asked).pipe(Stream.map((page) => page.filter(({ tag }) => missing.delete(tag)))),
              Stream.suspend(() => Stream.make([...missing].map((tag) => ({ tag })))),
            ),
      ),
    );
    return Stream.concat(found(true, 0), rest).pipe(
      Stream.filter((page) => page.length > 0),
      Stream.catchIf(isForbidden, () => withoutDigests(registry, repository)),
    );
  };

/** A token of narrow scope, or a version without the search. */
const isForbidden = (error: RegistryError): boolean =>
  error.operation === "POST search" &&
  (error.reason === "denied" || error.reason === "unsupported" || error.reason === "not-found");

const withoutDigests = (registry: Pick<Registry, "tags">, repository: RepositoryName) =>
  Stream.map(registry.tags(repository), (page) => page.map((tag): ListedTag => ({ tag })));

const unseen = (
  registry: Pick<Registry, "tags">,
  repository: RepositoryName,
  seen: ReadonlySet<Tag>,
): Effect.Effect<Set<Tag>, RegistryError> =>
  Stream.runFold(
    registry.tags(repository),
    () => new Set<Tag>(),
    (missing, page) => {
      for (const tag of page) if (!seen.has(tag)) missing.add(tag);
      return missing;
    },
  );

/**
 * Rows of one image as tags. Of two manifests in one place the index counts, which comes first by the order of names. A row of another key (a member of a
 * virtual one, the cache of a remote one) tells no digest: which member answers, and whether the cache is fresh, is known to the registry alone.
 */
const rowReader = (key: string, image: string) => {
  const seen = new Set<Tag>();
  return {
    seen,
    read: (rows: ReadonlyArray<AqlRow>): ReadonlyArray<ListedTag> =>
      rows.flatMap((row) => {
        const stored = storedManifest(row);
        if (stored?.tag === undefined || stored.image !== image || seen.has(stored.tag)) return [];
        seen.add(stored.tag);
        return [{ tag: stored.tag, ...(stored.key === key ? { digest: stored.digest } : {}) }];
      }),
  };
};

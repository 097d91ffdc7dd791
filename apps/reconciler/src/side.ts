import type { ListedTag, Registry, RegistryError, RegistryPowers, RegistryReason } from "@drayage/oci-core";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

/** What a comparison asks of a registry. */
export interface Side extends Pick<Registry, "name" | "tags" | "repositories" | "resolve" | "manifest"> {
  readonly powers: Pick<RegistryPowers, "list">;
}

/** So many requests in a row that a registry could not answer, each with the client's own retries, are an outage and no hiccup. */
const SILENT_MOST = 5;
const SILENCE: ReadonlySet<RegistryReason> = new Set([
  "network",
  "stalled",
  "unavailable",
  "rate-limited",
  "unauthorized",
]);

/**
 * The same registry for one run, which stops asking once it is plain that nobody answers: thousands of repositories would each wait
 * out the retries of the client, and a registry that is overloaded would be asked all the more. What is left fails with the last error.
 */
export const givingUp = (side: Side): Side => {
  const { list } = side.powers;
  let silent = 0;
  let last: RegistryError | undefined;
  const watched = <A>(request: Effect.Effect<A, RegistryError>): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => (silent >= SILENT_MOST && last !== undefined ? Effect.fail(last) : request)).pipe(
      Effect.tap(() => answered),
      Effect.tapError((error) => failed(error)),
    );
  const answered = Effect.sync(() => {
    silent = 0;
  });
  const failed = (error: RegistryError) =>
    Effect.sync(() => {
      if (error === last) return;
      last = error;
      silent = SILENCE.has(error.reason) ? silent + 1 : 0;
    });
  const watchedPages = <A>(pages: () => Stream.Stream<A, RegistryError>): Stream.Stream<A, RegistryError> =>
    Stream.suspend(() => (silent >= SILENT_MOST && last !== undefined ? Stream.fail(last) : pages())).pipe(
      Stream.tap(() => answered),
      Stream.tapError((error) => failed(error)),
    );
  return {
    name: side.name,
    resolve: (repository, reference) => watched(side.resolve(repository, reference)),
    manifest: (repository, reference) => watched(side.manifest(repository, reference)),
    tags: (repository) => watchedPages(() => side.tags(repository)),
    repositories: () => watchedPages(side.repositories),
    powers: list === undefined ? {} : { list: (repository) => watchedPages(() => list(repository)) },
  };
};

/** What a tag points to now, as far as HEAD can tell. */
export const digestOf = (
  side: Side,
  repository: RepositoryName,
  tag: Tag,
): Effect.Effect<Digest | undefined, RegistryError> =>
  Effect.map(side.resolve(repository, tag), (found) => found?.digest);

/** What a repository lists: its tags, and what they pointed to then, where the registry's own API tells. */
export type Listed = ReadonlyMap<Tag, Digest | undefined>;

/**
 * The tags that a repository lists, all in memory: a million are some 200 MB. One that is unknown lists nothing: whether that is a deletion is for
 * the replicator's proof to say. A listing that breaks off is an error and never a short list. Pages are no snapshot: of a tag that comes twice with
 * two digests nothing is known.
 */
export const tagsOf = (side: Side, repository: RepositoryName): Effect.Effect<Listed, RegistryError> => {
  const all = new Map<Tag, Digest | undefined>();
  return pagesOf(side, repository).pipe(
    Stream.runForEach((page) =>
      Effect.sync(() => {
        for (const { tag, digest } of page) all.set(tag, all.has(tag) && all.get(tag) !== digest ? undefined : digest);
      }),
    ),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "repository-unknown" ? Effect.void : Effect.fail(error),
    ),
    Effect.as(all),
  );
};

const pagesOf = (side: Side, repository: RepositoryName): Stream.Stream<ReadonlyArray<ListedTag>, RegistryError> =>
  side.powers.list?.(repository) ?? Stream.map(side.tags(repository), (page) => page.map((tag) => ({ tag })));

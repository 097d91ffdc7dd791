import type { Registry, RegistryError, RegistryReason } from "@drayage/oci-core";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

/** What a comparison asks of a registry. */
export type Side = Pick<Registry, "name" | "tags" | "repositories" | "resolve" | "manifest">;

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
  };
};

/** What a tag points to now, as far as HEAD can tell. */
export const digestOf = (
  side: Side,
  repository: RepositoryName,
  tag: Tag,
): Effect.Effect<Digest | undefined, RegistryError> =>
  Effect.map(side.resolve(repository, tag), (found) => found?.digest);

/**
 * The names that a repository lists, all in memory: a million are some 100 MB. One that is unknown lists nothing: whether that is a
 * deletion is for the replicator's proof to say.
 */
export const tagsOf = (side: Side, repository: RepositoryName): Effect.Effect<ReadonlySet<Tag>, RegistryError> => {
  const all = new Set<Tag>();
  return side.tags(repository).pipe(
    Stream.runForEach((page) =>
      Effect.sync(() => {
        for (const tag of page) all.add(tag);
      }),
    ),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "repository-unknown" ? Effect.void : Effect.fail(error),
    ),
    Effect.as(all),
  );
};

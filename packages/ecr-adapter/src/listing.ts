import type { ListedTag, Registry, RegistryError } from "@drayage/oci-core";
import { parseDigest, parseRepositoryName, parseTag, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import type { EcrApi, Page } from "./api.ts";

/** An account has at most 100,000 repositories, and a repository as many images: past this the API repeats itself. */
const PAGES_MAX = 10_000;

const pages = <A, B>(
  fetch: (next: string | undefined) => Effect.Effect<Page<A>, RegistryError>,
  read: (item: A) => ReadonlyArray<B>,
): Stream.Stream<ReadonlyArray<B>, RegistryError> =>
  Stream.paginate<{ readonly next: string | undefined; readonly count: number }, ReadonlyArray<B>, RegistryError>(
    { next: undefined, count: 1 },
    ({ next, count }) =>
      Effect.map(fetch(next), (page) => [
        [page.items.flatMap(read)],
        // A page may be short or empty while there is a next one.
        page.next === undefined || count >= PAGES_MAX
          ? Option.none()
          : Option.some({ next: page.next, count: count + 1 }),
      ]),
  );

/** All repositories of the account, by DescribeRepositories. */
export const repositoriesOf = (
  api: EcrApi,
  name: string,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  pages(
    (next) => api.call("DescribeRepositories", name, (calls, signal) => calls.repositories(next, signal)),
    (found) => [parseRepositoryName(found)].filter((parsed) => parsed !== undefined),
  );

/**
 * All tags with their digests, by DescribeImages: a thousand images a request, archived ones too, since they are not gone, and untagged ones not.
 * Without the right to it there is the list of the distribution API, which has no digests.
 */
export const listOf = (
  api: EcrApi,
  registry: Pick<Registry, "tags">,
  repository: RepositoryName,
): Stream.Stream<ReadonlyArray<ListedTag>, RegistryError> =>
  Stream.catchIf(
    pages(
      (next) => api.call("DescribeImages", repository, (calls, signal) => calls.images(repository, next, signal)),
      ({ digest, tags }) =>
        tags.flatMap((text) => {
          const tag = parseTag(text);
          return tag === undefined ? [] : [{ tag, digest: parseDigest(digest) }];
        }),
    ),
    ({ reason }) => reason === "denied",
    () => Stream.map(registry.tags(repository), (page) => page.map((tag) => ({ tag }))),
  );

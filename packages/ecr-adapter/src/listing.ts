import type { ListedTag, RegistryError } from "@drayage/oci-core";
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
    (next) => api.call("DescribeRepositories", name, (calls) => calls.repositories(next)),
    (found) => [parseRepositoryName(found)].filter((parsed) => parsed !== undefined),
  );

/** All tags with their digests, by DescribeImages: a thousand manifests a request, archived ones too, since they are not gone. */
export const listOf = (
  api: EcrApi,
  repository: RepositoryName,
): Stream.Stream<ReadonlyArray<ListedTag>, RegistryError> =>
  pages(
    (next) => api.call("DescribeImages", repository, (calls) => calls.images(repository, next)),
    ({ digest, tags }) =>
      tags.flatMap((text) => {
        const tag = parseTag(text);
        return tag === undefined ? [] : [{ tag, digest: parseDigest(digest) }];
      }),
  );

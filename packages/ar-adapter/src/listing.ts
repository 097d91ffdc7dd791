import type { Api, ListedTag, RegistryError, RegistryPowers } from "@drayage/oci-core";
import { type Digest, parseDigest, parseTag, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ArtifactRegistryApi } from "./api.ts";
import { holderOf, outward, type Place } from "./locate.ts";
import { refusal } from "./refusal.ts";
import { readTagsList } from "./wire.ts";

/**
 * Whoever compares a repository asks image by image, and one scan answers for all of them. Longer would show what is no more: our own writes
 * end it at once, those of others are seen after this.
 */
const KEPT_FOR = "10 seconds";
/** What one tags/list gives at most; at this many it may have been cut without a word (facts/artifact-registry.md 4.3). */
export const TAGS_LIST_MAX = 10_000;

type TagsOf = ReadonlyMap<RepositoryName, ReadonlyArray<ListedTag>>;

/** Listings with digests. */
export interface Listing {
  readonly list: NonNullable<RegistryPowers["list"]>;
  readonly parents: NonNullable<RegistryPowers["parents"]>;
  /** Tags and what they point to, of one image, as `/v2/` tells at this moment. */
  readonly tagsNow: (repository: RepositoryName) => Effect.Effect<ReadonlyArray<ListedTag>, RegistryError>;
  /** Something was written: what is kept is not true any more. */
  readonly forget: Effect.Effect<void>;
}

export const makeListing = (registry: string, place: Place, api: ArtifactRegistryApi, v2: Api): Listing => {
  const scans = new Map<string, Effect.Effect<TagsOf, RegistryError>>();

  const scanOf = (repository: string): Effect.Effect<TagsOf, RegistryError> =>
    Effect.suspend(() => {
      const kept = scans.get(repository);
      if (kept !== undefined) return kept;
      return Effect.flatMap(Effect.cachedWithTTL(scan(repository), KEPT_FOR), (cached) => {
        // A scan that failed is not kept: the next who asks tries again.
        const shared = Effect.tapError(cached, () => Effect.sync(() => scans.delete(repository)));
        scans.set(repository, shared);
        return shared;
      });
    });

  const scan = (repository: string): Effect.Effect<TagsOf, RegistryError> =>
    Stream.runFold(
      api.images(repository),
      () => new Map<RepositoryName, Array<ListedTag>>(),
      (found, page) => {
        for (const { name, digest, tags } of page) {
          const held = found.get(name) ?? [];
          found.set(name, held);
          for (const tag of tags) held.push({ tag, digest });
        }
        return found;
      },
    );

  const tagsNow = (repository: RepositoryName): Effect.Effect<ReadonlyArray<ListedTag>, RegistryError> =>
    Effect.flatMap(
      v2.call({
        operation: "GET tags",
        reference: repository,
        method: "GET",
        path: `v2/${outward(place, repository)}/tags/list?n=${TAGS_LIST_MAX}`,
        read: readTagsList,
      }),
      ({ tags, manifest }) => {
        const listed = Object.entries(manifest ?? {}).flatMap(([written, { tag }]) => {
          const digest = parseDigest(written);
          return (tag ?? []).map((name) => ({ tag: parseTag(name), digest }));
        });
        const all = manifest == null ? (tags ?? []).map((name) => ({ tag: parseTag(name) })) : listed;
        const count = Math.max(tags?.length ?? 0, Object.keys(manifest ?? {}).length);
        return count >= TAGS_LIST_MAX
          ? Effect.fail(refusal(registry, "GET tags", repository, CUT, "too-large"))
          : Effect.succeed(all.filter((one): one is ListedTag => one.tag !== undefined));
      },
    );

  return {
    tagsNow,
    list: (repository) => {
      const held = holderOf(place, repository);
      const scanned =
        held === undefined
          ? Effect.succeed(undefined)
          : Effect.map(scanOf(held.repository), (found) => found.get(repository));
      // Without rights for the API, or without it at all, the image itself is asked; so is one that the scan has not seen.
      const tags = scanned.pipe(
        Effect.catchIf(
          ({ reason }) => reason !== "rate-limited",
          () => Effect.succeed(undefined),
        ),
        Effect.flatMap((found) => (found === undefined ? tagsNow(repository) : Effect.succeed(found))),
      );
      return Stream.fromEffect(tags);
    },
    parents: (repository, digest) => {
      const held = holderOf(place, repository);
      if (held === undefined) return Effect.succeed([]);
      return Stream.runFold(
        api.images(held.repository),
        (): Array<Digest> => [],
        (found, page) => {
          for (const one of page) if (one.name === repository && one.children.includes(digest)) found.push(one.digest);
          return found;
        },
      );
    },
    forget: Effect.sync(() => scans.clear()),
  };
};

const CUT = `${TAGS_LIST_MAX} entries or more, of which some may be missing; grant roles/artifactregistry.reader for the API (${"`api`"}), which has no such end`;

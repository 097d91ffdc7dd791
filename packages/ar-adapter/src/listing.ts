import { type Api, type ListedTag, type Registry, RegistryError, type RegistryPowers } from "@drayage/oci-core";
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
/** What one tags/list gives at most, of tags, digests and names below; at this many it may have been cut without a word (facts/artifact-registry.md 4.3). */
export const TAGS_LIST_MAX = 10_000;

type TagsOf = ReadonlyMap<RepositoryName, ReadonlyArray<ListedTag>>;

/** Listings with digests. */
export interface Listing {
  readonly list: NonNullable<RegistryPowers["list"]>;
  readonly parents: NonNullable<RegistryPowers["parents"]>;
  /** Tags and what they point to, of one image, as `/v2/` tells at this moment. */
  /** The same without what they point to, for `Registry.tags`: by `/v2/`, or by the API where that may have been cut. */
  readonly tags: Registry["tags"];
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
      v2
        .call({
          operation: "GET tags",
          reference: repository,
          method: "GET",
          path: `v2/${outward(place, repository)}/tags/list?n=${TAGS_LIST_MAX}`,
          read: (document, { header }) => {
            const list = readTagsList(document);
            return list && { ...list, isPage: header("link") !== undefined };
          },
        })
        .pipe(Effect.mapError(unknownRepository)),
      ({ tags, manifest, child, isPage }) => {
        const listed = Object.entries(manifest ?? {}).flatMap(([written, { tag }]) => {
          const digest = parseDigest(written);
          return (tag ?? []).map((name) => ({ tag: parseTag(name), digest }));
        });
        const all = manifest == null ? (tags ?? []).map((name) => ({ tag: parseTag(name) })) : listed;
        const count = Math.max(tags?.length ?? 0, child?.length ?? 0, Object.keys(manifest ?? {}).length);
        return isPage || count >= TAGS_LIST_MAX
          ? Effect.fail(refusal(registry, "GET tags", repository, CUT, "too-large"))
          : Effect.succeed(all.filter((one): one is ListedTag => one.tag !== undefined));
      },
    );

  const scanned = (repository: RepositoryName): Effect.Effect<ReadonlyArray<ListedTag> | undefined, RegistryError> => {
    const held = holderOf(place, repository);
    return held === undefined
      ? Effect.succeed(undefined)
      : Effect.map(scanOf(held.repository), (found) => found.get(repository));
  };

  return {
    tagsNow,
    tags: (repository) =>
      tagsNow(repository).pipe(
        Effect.catchIf(
          ({ reason }) => reason === "too-large",
          // Whoever may not use the API hears why nothing was listed.
          (cut) =>
            Effect.flatMap(
              Effect.catchIf(
                scanned(repository),
                ({ reason }) => reason === "denied",
                () => Effect.fail(cut),
              ),
              (found) => (found === undefined ? Effect.fail(cut) : Effect.succeed(found)),
            ),
        ),
        Effect.map((listed) => listed.map(({ tag }) => tag)),
        Stream.fromEffect,
      ),
    list: (repository) => {
      // Without rights for the API, or without it at all, the image itself is asked; so is one that the scan has not seen.
      const tags = scanned(repository).pipe(
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

/** The vendor's API says `not-found` of every 404; this one is of the distribution API, which says what is not there. */
const unknownRepository = (error: RegistryError): RegistryError => {
  const { registry, operation, reference, detail, status, code } = error;
  return code === "NAME_UNKNOWN"
    ? new RegistryError({ registry, operation, reference, reason: "repository-unknown", detail, status, code })
    : error;
};

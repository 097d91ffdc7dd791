import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Digest, Tag } from "../model/brand.ts";
import { cosignTag, type DigestTagKind, parseDigestTag } from "../model/digest-tag.ts";
import type { Manifest } from "../model/manifest.ts";
import { COSIGN_TYPES } from "../model/referrer-choice.ts";
import { type RegistryError, type RegistryReason, saysAbsent } from "../registry/errors.ts";
import type { Resolved } from "../registry/registry.ts";
import { CopyError, onSide } from "./errors.ts";
import type { Belief, Job } from "./job.ts";
import { DIGEST_TAG_PAGES_MAX } from "./limits.ts";
import { moveContent } from "./move-image.ts";
import { putHealing } from "./put-manifests.ts";
import { readGraph, readManifest } from "./read-manifest.ts";

/**
 * Copies the tags that cosign makes from a digest (`sha256-<hex>.sig`, `.att`, `.sbom`) for all subjects. They are tags
 * as any other: their content comes first. Answers how many are in place.
 */
export const copyDigestTags = Effect.fnUntraced(function* (
  job: Job,
  subjects: ReadonlyArray<Digest>,
  types: ReadonlyArray<string> | undefined,
  belief: Belief,
) {
  const kinds = KINDS.filter((kind) => types === undefined || types.includes(COSIGN_TYPES[kind]));
  const tags = kinds.length === 0 ? [] : yield* findTags(job, subjects, kinds);
  yield* Effect.forEach(tags, (found) => copyTag(job, found, belief), {
    concurrency: job.shared.limits.manifests,
    discard: true,
  });
  return tags.length;
});

const KINDS = ["sig", "att", "sbom"] as const satisfies ReadonlyArray<DigestTagKind>;

interface FoundTag {
  readonly tag: Tag;
  readonly wanted: Resolved;
}

/**
 * Three HEADs for one subject. An index has a subject for each platform, for which one listing is cheaper than three
 * HEADs each, unless the repository has so many tags that its pages are more than the HEADs.
 */
const findTags = Effect.fnUntraced(function* (
  job: Job,
  subjects: ReadonlyArray<Digest>,
  kinds: ReadonlyArray<(typeof KINDS)[number]>,
) {
  const { registry, repository } = job.source;
  const all = subjects.flatMap((subject) => kinds.map((kind) => cosignTag(subject, kind)));
  const listed = subjects.length > 1 ? yield* listTags(job, Math.min(DIGEST_TAG_PAGES_MAX, all.length)) : undefined;
  const candidates = listed === undefined ? all : all.filter((tag) => listed.has(tag));
  const resolved = yield* Effect.forEach(
    candidates,
    (tag) => {
      const head = registry.resolve(repository, tag);
      // A tag that was just listed and is not there: a false 404 would leave a signature behind, so the registry has to say it.
      const look =
        listed === undefined
          ? head
          : Effect.filterOrElse(
              head,
              (found) => found !== undefined,
              () => readListed(job, tag),
            );
      return Effect.map(Effect.mapError(look, onSide("source")), (wanted) => ({ tag, wanted }));
    },
    { concurrency: job.shared.limits.manifests },
  );
  return resolved.flatMap(
    ({ tag, wanted }): ReadonlyArray<FoundTag> => (wanted === undefined ? [] : [{ tag, wanted }]),
  );
});

const readListed = ({ source }: Job, tag: Tag): Effect.Effect<Resolved | undefined, RegistryError> =>
  source.registry.manifest(source.repository, tag).pipe(
    Effect.map(({ digest, mediaType, bytes }): Resolved => ({ digest, mediaType, size: bytes.byteLength })),
    Effect.catchIf(saysAbsent, () => Effect.undefined),
  );

/**
 * The digest-tags of the source repository; `undefined` where the listing is too long, or the registry does not list.
 */
const listTags = (job: Job, pagesMax: number): Effect.Effect<ReadonlySet<Tag> | undefined, CopyError> => {
  const found = new Set<Tag>();
  let pages = 0;
  return job.source.registry.tags(job.source.repository).pipe(
    Stream.take(pagesMax + 1),
    Stream.runForEach((page) =>
      Effect.sync(() => {
        pages += 1;
        for (const tag of page) if (parseDigestTag(tag) !== undefined) found.add(tag);
      }),
    ),
    Effect.map(() => (pages > pagesMax ? undefined : found)),
    Effect.catchIf(
      (error) => UNLISTED.has(error.reason),
      () => Effect.undefined,
    ),
    Effect.mapError(onSide("source")),
  );
};

/** Answers that say that this registry does not list for us. The HEADs then tell; every other failure is one. */
const UNLISTED: ReadonlySet<RegistryReason> = new Set(["unsupported", "denied", "not-found", "repository-unknown"]);

const copyTag = Effect.fnUntraced(function* (job: Job, { tag, wanted }: FoundTag, belief: Belief) {
  const { registry, repository } = job.target;
  const held = yield* Effect.mapError(registry.resolve(repository, tag), onSide("target"));
  const isEqual = held?.digest === wanted.digest;
  if (isEqual && belief === "trust") return;
  const top = yield* readManifest(job.source, wanted.digest);
  if (held !== undefined && !isEqual) yield* refuseLoss(job, tag, held.digest, top);
  const graph = yield* readGraph(job, top);
  yield* moveContent(job, graph, belief);
  if (!isEqual) yield* putHealing(job, graph, top, tag, Effect.void);
});

/**
 * cosign appends a signature by replacing the tag with a manifest that has one layer more. Only such a growth is
 * copied: a tag at the target with a signature that the source does not have was written by somebody else, and would be
 * lost.
 */
const refuseLoss = Effect.fnUntraced(function* (job: Job, tag: Tag, heldDigest: Digest, wanted: Manifest) {
  const { registry, repository } = job.target;
  const held = yield* Effect.mapError(registry.manifest(repository, heldDigest), onSide("target"));
  const has = new Set(wanted._tag === "Image" ? wanted.layers.map((layer) => layer.digest) : []);
  if (held._tag === "Image" && held.layers.every((layer) => has.has(layer.digest))) return;
  return yield* new CopyError({
    side: "target",
    operation: "PUT digest tag",
    reference: `${registry.name}/${repository}:${tag}`,
    reason: "conflict",
    detail:
      "the tag holds signatures or attestations that the source does not have: remove it, or copy without referrers",
    retryable: false,
  });
});

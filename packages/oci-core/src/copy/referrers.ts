import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Manifest } from "../model/manifest.ts";
import { isManifestType } from "../model/media-types.ts";
import { artifactTypeOf, newestReferrers, type ReferrerChoice } from "../model/referrer-choice.ts";
import { copyDigestTags } from "./digest-tags.ts";
import { CopyError, onSide } from "./errors.ts";
import { listInFallbackTag } from "./fallback-tag.ts";
import type { Graph } from "./graph.ts";
import { type Belief, digestReference, type Job } from "./job.ts";
import { REFERRER_DEPTH_MAX, REFERRER_SUBJECTS_MAX, REFERRERS_MAX } from "./limits.ts";
import { moveContent } from "./move-image.ts";
import { putHealing } from "./put-manifests.ts";
import { readGraph, readManifest } from "./read-manifest.ts";

/**
 * The digests of an image that signatures are made for: the top, and the children of its index that are wanted, at most 50 in all. Nobody has signed a
 * top that was rewritten (`sourceDigest` is another), and what is signed of the old one would refer to nothing.
 */
export const subjectsOf = (
  { top, omitted }: Pick<Graph, "top" | "omitted">,
  sourceDigest: Digest,
): ReadonlyArray<Digest> => {
  const children = top._tag === "Index" ? top.manifests.filter(isSigned).map((child) => child.digest) : [];
  const tops = top.digest === sourceDigest ? [top.digest] : [];
  return [...new Set([...tops, ...children.filter((digest) => !omitted.has(digest))])].slice(0, REFERRER_SUBJECTS_MAX);
};

/**
 * BuildKit's attestations are entries of the index about other entries: nobody signs them, and a question would be a
 * request for nothing.
 */
const isSigned = (child: Descriptor): boolean =>
  isManifestType(child.mediaType) && child.annotations?.["vnd.docker.reference.type"] === undefined;

/**
 * Copies what refers to the subjects, and what refers to that in turn, wherever it is listed: referrers API, fallback
 * tag, cosign's tags. It is done before the tag moves (a subject may be missing), so that nobody sees the image without
 * its signatures. A listing that fails is an error and never "none" (FAILURES.md F9). Of every depth the choice says which.
 */
export const copyReferrers = Effect.fnUntraced(function* (
  job: Job,
  subjects: ReadonlyArray<Digest>,
  wanted: "all" | ReferrerChoice,
  belief: Belief,
) {
  const { limits } = job.shared;
  // A listing may name anything, also its own subject: what was met once is not met again.
  const met = new Set<Digest>([...subjects]);
  const choice = wanted === "all" ? {} : wanted;
  let placedSoFar = 0;
  let taken = 0;
  let left = 0;
  let wave = subjects;
  for (let depth = 0; wave.length > 0; depth += 1) {
    const next: Array<Digest> = [];
    yield* Effect.forEach(
      wave,
      Effect.fnUntraced(function* (subject) {
        const listed = yield* Effect.mapError(
          job.source.registry.referrers(job.source.repository, subject),
          onSide("source"),
        );
        const unmet = listed.filter((entry) => !met.has(entry.digest));
        const ofType = yield* wantedTypes(job, subject, unmet, choice.artifactTypes);
        const fresh = newestReferrers(ofType, choice.most);
        left += ofType.length - fresh.length;
        taken += fresh.length;
        for (const entry of fresh) met.add(entry.digest);
        if (fresh.length > 0 && depth >= REFERRER_DEPTH_MAX) {
          return yield* tooLarge(job, subject, `referrers of referrers are deeper than ${REFERRER_DEPTH_MAX}`);
        }
        if (taken > REFERRERS_MAX) return yield* tooLarge(job, subject, `more than ${REFERRERS_MAX} referrers`);
        const placed = yield* placeReferrers(job, subject, fresh, belief);
        placedSoFar += placed.length;
        next.push(...placed);
      }),
      { concurrency: limits.manifests, discard: true },
    );
    wave = next;
  }
  const tags = yield* copyDigestTags(job, subjects, choice.artifactTypes, belief);
  const count: ReferrerCount = { placed: placedSoFar + tags, left };
  return count;
});

export interface ReferrerCount {
  /** In place, cosign's tags included. */
  readonly placed: number;
  readonly left: number;
}
export const NO_REFERRERS: ReferrerCount = { placed: 0, left: 0 };

/** Those of the types. A fallback tag may have been written without types: then the artefact itself says what it is. */
const wantedTypes = Effect.fnUntraced(function* (
  job: Job,
  subject: Digest,
  entries: ReadonlyArray<Descriptor>,
  types: ReadonlyArray<string> | undefined,
) {
  if (types === undefined) return entries;
  if (entries.filter(({ artifactType }) => artifactType === undefined).length > REFERRERS_MAX)
    return yield* tooLarge(job, subject, `more than ${REFERRERS_MAX} referrers without a type`);
  const typed = yield* Effect.forEach(
    entries,
    (entry) =>
      entry.artifactType === undefined
        ? Effect.map(readReferrer(job, entry.digest), (read) => ({ entry, type: read && artifactTypeOf(read) }))
        : Effect.succeed({ entry, type: entry.artifactType }),
    { concurrency: job.shared.limits.manifests },
  );
  return typed.flatMap(({ entry, type }) => (type !== undefined && types.includes(type) ? [entry] : []));
});

/**
 * Brings those that the target does not list yet, or all of them where nothing is to be believed; answers those in
 * place.
 */
const placeReferrers = Effect.fnUntraced(function* (
  job: Job,
  subject: Digest,
  listed: ReadonlyArray<Descriptor>,
  belief: Belief,
) {
  if (listed.length === 0) return [];
  const held = yield* heldReferrers(job, subject);
  const brought = yield* Effect.forEach(
    listed,
    (entry): Effect.Effect<Placed | undefined, CopyError> =>
      held.has(entry.digest) && belief === "trust"
        ? Effect.succeed({ digest: entry.digest })
        : bring(job, subject, entry, held.has(entry.digest), belief),
    { concurrency: job.shared.limits.manifests },
  );
  const placed = brought.filter((one) => one !== undefined);
  // Where the registry keeps the list itself, it has said so (OCI-Subject) or is known for it.
  const unlisted = placed.flatMap((one) => one.unlisted ?? []);
  if (unlisted.length > 0 && job.target.registry.traits.referrers !== "api")
    yield* listInFallbackTag(job, subject, unlisted);
  return placed.map((one) => one.digest);
});

interface Placed {
  readonly digest: Digest;
  /** Put, and the registry did not say that it lists it. */
  readonly unlisted?: Manifest | undefined;
}

/** What the target lists already. One that has no such repository yet lists nothing; every other failure is one. */
const heldReferrers = (job: Job, subject: Digest): Effect.Effect<ReadonlySet<Digest>, CopyError> =>
  job.target.registry.referrers(job.target.repository, subject).pipe(
    Effect.map((entries) => new Set(entries.map((entry) => entry.digest))),
    Effect.catchIf(
      (error) => error.reason === "not-found" || error.reason === "repository-unknown",
      () => Effect.succeed(new Set<Digest>()),
    ),
    Effect.mapError(onSide("target")),
  );

/**
 * `undefined`: an entry of a stale or false list, gone at the source or about another subject (facts/oci.md section
 * 5.2).
 */
const bring = Effect.fnUntraced(function* (
  job: Job,
  subject: Digest,
  entry: Descriptor,
  isListed: boolean,
  belief: Belief,
) {
  const { registry, repository } = job.target;
  const manifest = yield* readReferrer(job, entry.digest);
  if (manifest === undefined || manifest.subject?.digest !== subject) return undefined;
  const graph = yield* readGraph(job, manifest);
  yield* moveContent(job, graph, belief);
  const { digest } = manifest;
  if (isListed && (yield* Effect.mapError(registry.resolve(repository, digest), onSide("target"))) !== undefined)
    return { digest };
  const { subjectAccepted } = yield* putHealing(job, graph, manifest, digest, Effect.void);
  return { digest, unlisted: subjectAccepted ? undefined : manifest };
});

/**
 * A fallback tag may list what was deleted since. One 404 is not enough to leave a signature behind: a HEAD has to
 * agree.
 */
const readReferrer = (job: Job, digest: Digest): Effect.Effect<Manifest | undefined, CopyError> => {
  const { registry, repository } = job.source;
  const read = readManifest(job.source, digest);
  return Effect.catchIf(
    read,
    (error) => error.reason === "not-found",
    () =>
      registry.resolve(repository, digest).pipe(
        Effect.mapError(onSide("source")),
        Effect.flatMap((held) => (held === undefined ? Effect.undefined : read)),
      ),
  );
};

const tooLarge = (job: Job, subject: Digest, detail: string): CopyError =>
  new CopyError({
    side: "source",
    operation: "list referrers",
    reference: digestReference(job.source, subject),
    reason: "graph-too-large",
    detail,
    retryable: false,
  });

import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import type { Digest } from "../model/brand.ts";
import type { Manifest } from "../model/manifest.ts";
import { choiceOf, omittedOf, rewrittenTop } from "./choice.ts";
import type { CopyRequest, CopyResult } from "./copier.ts";
import type { CopyError } from "./errors.ts";
import type { Graph } from "./graph.ts";
import { type Belief, digestReference, type Job, type Shared } from "./job.ts";
import { countPresent, moveContent, remember } from "./move-image.ts";
import { confirm, putTop } from "./put-tag.ts";
import { readGraph, readManifest } from "./read-manifest.ts";
import { copyReferrers, NO_REFERRERS, type ReferrerCount, subjectsOf } from "./referrers.ts";
import { explainMissing, isMissingAtSource, type Pinned, resolveSides, type Wanted } from "./resolve-sides.ts";
import { makeTally } from "./tally.ts";

/**
 * One copy: learn both sides, read the graph, move blobs, put children, put referrers, pass the gate, put the tag,
 * confirm it. Pinned to one digest from the first step on, so a tag that moves meanwhile gives the old image or an
 * error, never a mixture.
 */
export const runCopy = <E>(shared: Shared, request: CopyRequest<E>): Effect.Effect<CopyResult, CopyError | E> =>
  Effect.flatMap(copyUnconfirmed(shared, request), ({ result, isConfirmed }) =>
    isConfirmed
      ? Effect.succeed(result)
      : Effect.as(confirm(request.target, shared.limits, request.target.tag ?? result.digest, result.digest), result),
  );

/** A copy whose tag is put, and was perhaps not asked for yet. */
export interface Unconfirmed {
  readonly result: CopyResult;
  /** Nothing was put, so that there is nothing to ask for. */
  readonly isConfirmed: boolean;
  /** The target named the digest when it took a tag that it did not have before: that it lists the tag is all that is left to know. */
  readonly isNamed: boolean;
}

/** All of a copy but its last question. */
export const copyUnconfirmed = Effect.fnUntraced(function* <E>(shared: Shared, request: CopyRequest<E>) {
  const startedAt = yield* Clock.currentTimeMillis;
  const belief: Belief = request.depth === "deep" ? "ask" : "trust";
  const { wanted: pinned, held } = yield* resolveSides(request, shared.memory);
  // Most copies of a synchronisation end here, before anything is made ready for work.
  if (held?.digest === pinned.digest && endsWithTop(request) && request.platforms?.index !== "rewrite")
    return unchanged(startedAt, yield* Clock.currentTimeMillis, pinned.digest, held.mediaType);
  const job = makeJob(shared, request);
  const wanted = yield* Effect.catchIf(want(job, pinned), isMissingAtSource, explainMissing(request, pinned.digest));
  const isEqual = held?.digest === wanted.digest;

  if (isEqual && endsWithTop(request))
    return unchanged(startedAt, yield* Clock.currentTimeMillis, wanted.digest, held.mediaType, wanted.sourceDigest);
  const { registry, repository, tag } = request.target;
  // A tag that is there came with content that we may not know of; what we put ourselves we do know.
  const isNews = shared.memory.warmth(registry.name, repository) === undefined;
  if (held !== undefined && isNews) shared.memory.setWarmth(registry.name, repository, "warm");

  const isTop = isEqual && belief === "trust";
  const place = Effect.gen(function* () {
    const graph = yield* isTop ? topOnly(job, wanted) : bringContent(job, wanted, belief);
    const referrers =
      request.referrers === "none"
        ? NO_REFERRERS
        : yield* copyReferrers(job, subjectsOf(graph, wanted.sourceDigest), request.referrers, belief);
    const gate = tag === undefined ? Effect.void : (request.beforeTag?.(wanted.digest) ?? Effect.void);
    const named = isEqual ? false : yield* putTop(job, graph, tag ?? wanted.digest, gate);
    if (!isTop) yield* remember(job, graph);
    const result = yield* finish(job, startedAt, wanted, graph.top.mediaType, graph.digests, referrers);
    const outcome: Unconfirmed = { result, isConfirmed: isEqual, isNamed: named && held === undefined };
    return outcome;
  });
  return yield* Effect.catchIf(place, isMissingAtSource, explainMissing(request, pinned.digest));
});

/** Whether equal top digests are all that is asked for. */
const endsWithTop = <E>({ depth, referrers }: CopyRequest<E>): boolean =>
  depth === "tag" || (depth === "referrers" && referrers === "none");

const NOTHING = { copied: 0, mounted: 0, present: 0 };

const unchanged = (
  startedAt: number,
  now: number,
  digest: Digest,
  mediaType: string,
  sourceDigest = digest,
): Unconfirmed => ({
  result: {
    digest,
    sourceDigest,
    mediaType,
    action: "unchanged",
    blobs: NOTHING,
    bytes: NOTHING,
    manifests: [digest],
    referrers: 0,
    referrersLeft: 0,
    durationMs: now - startedAt,
  },
  isConfirmed: true,
  isNamed: false,
});

const makeJob = <E>(shared: Shared, request: CopyRequest<E>): Job => ({
  source: request.source,
  target: request.target,
  bytesFrom: request.bytesFrom ?? [],
  avoided: new Set(),
  choice: choiceOf(request),
  isShared: request.shared === true,
  shared,
  slots: {
    small: Semaphore.makeUnsafe(shared.limits.smallBlobs),
    large: Semaphore.makeUnsafe(shared.limits.largeBlobs),
  },
  tally: makeTally(),
  report: request.onProgress ?? (() => {}),
});

/** What the target is to hold. Where an index is rewritten it has to be read for that, also where nothing else is to be done. */
const want = Effect.fnUntraced(function* (job: Job, pinned: Pinned) {
  const { platforms } = job.choice;
  const plain: Wanted = { ...pinned, sourceDigest: pinned.digest };
  if (platforms?.index !== "rewrite") return plain;
  const reference = digestReference(job.source, pinned.digest);
  const top = yield* rewrittenTop(yield* readTop(job, pinned), platforms, reference);
  const wanted: Wanted = { digest: top.digest, top, sourceDigest: pinned.digest };
  return wanted;
});

/** The top alone, for the referrers of an image that is in place. */
const topOnly = Effect.fnUntraced(function* (job: Job, wanted: Pinned) {
  const top = yield* readTop(job, wanted);
  const omitted = yield* omittedIn(job, top);
  const graph: Graph = { top, levels: [], blobs: [], digests: [top.digest], omitted, choice: job.choice.key };
  return graph;
});

/**
 * All that the top needs, in place at the target. Nothing is moved where this process did it minutes ago for another
 * tag.
 */
const bringContent = Effect.fnUntraced(function* (job: Job, wanted: Pinned, belief: Belief) {
  const { registry, repository } = job.target;
  const now = yield* Clock.currentTimeMillis;
  const finished =
    belief === "trust" ? job.shared.finished.get(registry.name, repository, wanted.digest, now) : undefined;
  if (finished?.choice === job.choice.key) {
    countPresent(job, finished);
    return finished;
  }
  const top = yield* readTop(job, wanted);
  const graph = yield* readGraph(job, top, yield* omittedIn(job, top));
  yield* moveContent(job, graph, belief);
  return graph;
});

const omittedIn = (job: Job, top: Manifest) =>
  omittedOf(top, job.choice, digestReference(job.source, top.digest), job.target.registry);

const readTop = (job: Job, wanted: Pinned): Effect.Effect<Manifest, CopyError> =>
  wanted.top === undefined ? readManifest(job.source, wanted.digest) : Effect.succeed(wanted.top);

const finish = (
  job: Job,
  startedAt: number,
  { digest, sourceDigest }: Wanted,
  mediaType: string,
  manifests: ReadonlyArray<Digest>,
  referrers: ReferrerCount,
) =>
  Effect.map(
    Clock.currentTimeMillis,
    (now): CopyResult => ({
      digest,
      sourceDigest,
      mediaType,
      action: job.tally.isChanged() ? "copied" : "unchanged",
      blobs: job.tally.blobs(),
      bytes: job.tally.bytes(),
      manifests,
      referrers: referrers.placed,
      referrersLeft: referrers.left,
      durationMs: now - startedAt,
    }),
  );

import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type { Descriptor } from "../model/descriptor.ts";
import { type CopyError, onSide } from "./errors.ts";
import type { Graph } from "./graph.ts";
import type { Belief, Job } from "./job.ts";
import { LARGE_BLOB_BYTES } from "./limits.ts";
import { moveBlob } from "./move-blob.ts";
import { putChildren } from "./put-manifests.ts";

/**
 * Brings everything below the top manifest to the target: blobs, then children. The top itself is left to the caller.
 */
export const moveContent = Effect.fnUntraced(function* (job: Job, graph: Graph, belief: Belief) {
  if (belief === "trust") {
    if (isSamePlace(job)) return countPresent(job, graph);
    yield* probe(job, graph);
  }
  // Two lanes, so that large layers at the front do not keep the small ones waiting.
  const { smallBlobs, largeBlobs } = job.shared.limits;
  const lane = (blobs: ReadonlyArray<Descriptor>, concurrency: number) =>
    Effect.forEach(blobs, (blob) => moveBlob(job, blob, belief), { concurrency, discard: true });
  const small = graph.blobs.filter((blob) => blob.size <= LARGE_BLOB_BYTES);
  const large = graph.blobs.filter((blob) => blob.size > LARGE_BLOB_BYTES);
  yield* Effect.all([lane(small, smallBlobs), lane(large, largeBlobs)], { concurrency: 2, discard: true });
  yield* putChildren(job, graph, belief);
});

/** A new tag in the repository that the image is in already. */
const isSamePlace = ({ source, target }: Job): boolean =>
  source.registry.name === target.registry.name && source.repository === target.repository;

/** Counts the blobs of an image that is known to be in place. */
export const countPresent = (job: Job, graph: Graph): void => {
  for (const blob of graph.blobs) job.tally.blob(blob.digest, blob.size, "present");
};

/**
 * After the top is put: the image can be tagged again for one PUT, and its blobs are mountable even where only
 * committed ones are (ECR).
 */
export const remember = (job: Job, graph: Graph): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const { registry, repository } = job.target;
    // What was believed and not looked at does not become younger by it.
    if (job.shared.finished.get(registry.name, repository, graph.top.digest, now) === graph) return;
    // A target that takes a sparse index does not tell when a chosen image is gone: those are put each time.
    if (graph.omitted.size === 0) job.shared.finished.add(registry.name, repository, graph, now);
    for (const blob of graph.blobs) job.shared.index.learn(registry.name, repository, blob.digest, now);
  });

/**
 * One HEAD that decides whether this repository is worth asking, once for each repository of a process: the first layer
 * is what images share first, so a repository that lacks it is likely to lack them all.
 */
const probe = Effect.fnUntraced(function* (job: Job, graph: Graph) {
  const { target, shared } = job;
  const { registry, repository } = target;
  if (registry.traits.presence === "head" || shared.memory.warmth(registry.name, repository) !== undefined) return;
  const now = yield* Clock.currentTimeMillis;
  const isKnown = (blob: Descriptor): boolean =>
    shared.index.holds(registry.name, repository, blob.digest, now) ||
    shared.index.mountSource(registry.name, repository, blob.digest) !== undefined;
  const base = graph.blobs[0];
  if (base === undefined || isKnown(base) || job.source.registry.name === registry.name) return;
  const held: boolean = yield* Effect.mapError(registry.hasBlob(repository, base.digest), onSide("target"));
  shared.memory.setWarmth(registry.name, repository, held ? "warm" : "cold");
  if (held) shared.index.learn(registry.name, repository, base.digest, now);
}) satisfies (job: Job, graph: Graph) => Effect.Effect<void, CopyError>;

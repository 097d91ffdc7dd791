import * as Effect from "effect/Effect";
import type { Digest, Tag } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Manifest } from "../model/manifest.ts";
import { CopyError, onSide } from "./errors.ts";
import { blobsOf, type Graph } from "./graph.ts";
import type { Belief, Job } from "./job.ts";
import { moveBlob } from "./move-blob.ts";

/** What the target said of a manifest that it took; see `Registry.putManifest`. */
export interface Put {
  readonly subjectAccepted: boolean;
  readonly named?: boolean | undefined;
}

/** Puts one manifest at the target, as the bytes that came. */
export const putManifest = (job: Job, manifest: Manifest, reference: Tag | Digest) =>
  job.target.registry.putManifest(job.target.repository, reference, manifest).pipe(
    Effect.mapError(onSide("target")),
    Effect.tap(() =>
      Effect.sync(() => {
        job.tally.changed();
        job.report({ _tag: "ManifestDone", digest: manifest.digest });
      }),
    ),
  );

/** Puts all that is below the top: level by level, so that no manifest comes before what it names. */
export const putChildren = (job: Job, graph: Graph, belief: Belief): Effect.Effect<void, CopyError> =>
  Effect.forEach(
    graph.levels,
    (level) =>
      Effect.forEach(level, (child) => putChild(job, graph, child, belief), {
        concurrency: job.shared.limits.manifests,
        discard: true,
      }),
    { discard: true },
  );

/**
 * A PUT costs no more than a HEAD and leaves no doubt; only a deep look asks first, so as to change nothing where all
 * is well.
 */
const putChild = Effect.fnUntraced(function* (job: Job, graph: Graph, child: Manifest, belief: Belief) {
  const { registry, repository } = job.target;
  const isHeld =
    belief === "ask" &&
    (yield* Effect.mapError(registry.resolve(repository, child.digest), onSide("target"))) !== undefined;
  if (!isHeld) yield* putHealing(job, graph, child, child.digest, Effect.void);
});

/**
 * Puts a manifest; where the target says that content is missing which we had skipped, because we or the target
 * believed that it was there (FAILURES.md F7), that content is brought and the manifest put again. Two rounds: first
 * what the target names is sent and the rest asked for, then everything is sent. A target that calls the manifest
 * invalid may mean the same (Artifactory and Artifact Registry have no other word for it): then all is asked for, once.
 * `gate` runs right before each PUT.
 */
export const putHealing = <E>(
  job: Job,
  graph: Graph,
  manifest: Manifest,
  reference: Tag | Digest,
  gate: Effect.Effect<void, E>,
): Effect.Effect<Put, CopyError | E> => {
  const put = Effect.andThen(gate, putManifest(job, manifest, reference));
  const again = (round: HealRound) => (error: CopyError) =>
    Effect.andThen(heal(job, graph, manifest, error, round), put);
  return put.pipe(
    Effect.catchIf(mayLackContent, again("named")),
    Effect.catchIf(isContentMissing, again("everything")),
  );
};

type HealRound = "named" | "everything";

const isContentMissing = (error: unknown): error is CopyError =>
  error instanceof CopyError && error.side === "target" && error.reason === "content-missing";

export const mayLackContent = (error: unknown): error is CopyError =>
  isContentMissing(error) ||
  (error instanceof CopyError && error.side === "target" && error.cause?.code === "MANIFEST_INVALID");

const heal = (
  job: Job,
  graph: Graph,
  manifest: Manifest,
  error: CopyError,
  round: HealRound,
): Effect.Effect<void, CopyError> => {
  const { registry, repository } = job.target;
  job.shared.finished.forget(registry.name, repository, graph.top.digest);
  const named = new Set(error.cause?.missing);
  // It misses what it is not to have.
  if ([...named].some((digest) => graph.omitted.has(digest))) return Effect.fail(error);
  const belief = (digest: Digest): Belief => (round === "everything" || named.has(digest) ? "send" : "ask");
  const bring = (blob: Descriptor): Effect.Effect<void, CopyError> =>
    Effect.suspend(() => {
      job.shared.index.forget(registry.name, repository, blob.digest);
      return moveBlob(job, blob, belief(blob.digest));
    });
  if (manifest._tag === "Image")
    return inParallel(job, uniqueByDigest(blobsOf(manifest, job.choice.foreignLayers)), bring);
  const children = new Map(graph.levels.flat().map((child) => [child.digest, child]));
  const entries = manifest.manifests.filter(({ digest }) => !graph.omitted.has(digest));
  return inParallel(job, uniqueByDigest(entries), (entry) => {
    const child = children.get(entry.digest);
    if (child === undefined) return bring(entry);
    return belief(entry.digest) === "send"
      ? Effect.asVoid(putHealing(job, graph, child, child.digest, Effect.void))
      : putChild(job, graph, child, "ask");
  });
};

const inParallel = (
  job: Job,
  descriptors: ReadonlyArray<Descriptor>,
  each: (descriptor: Descriptor) => Effect.Effect<void, CopyError>,
) => Effect.forEach(descriptors, each, { concurrency: job.shared.limits.manifests, discard: true });

const uniqueByDigest = (descriptors: ReadonlyArray<Descriptor>): ReadonlyArray<Descriptor> => [
  ...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values(),
];

import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import type { RepositoryName } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { UploadStart } from "../registry/registry.ts";
import { type CopyError, onSide } from "./errors.ts";
import { type Belief, digestReference, type Job } from "./job.ts";
import { LARGE_BLOB_BYTES } from "./limits.ts";
import { cancel, sendBlob } from "./send-blob.ts";
import type { Way } from "./tally.ts";

/**
 * Sees to it that the target repository holds a blob, by the cheapest way that works: it is known to be there, it is
 * found to be there, it is mounted from a sister repository, or it is sent. Of several copies that want it, one moves
 * it.
 */
export const moveBlob = Effect.fnUntraced(function* (job: Job, blob: Descriptor, belief: Belief) {
  const { target, shared, tally, report } = job;
  const now = yield* Clock.currentTimeMillis;
  let way: Way = "present";
  if (belief !== "trust" || !shared.index.holds(target.registry.name, target.repository, blob.digest, now)) {
    const slots = blob.size > LARGE_BLOB_BYTES ? job.slots.large : job.slots.small;
    const move = seek(job, blob, belief);
    // The slot comes first: a leader that waited for a slot which its own followers hold would wait for ever.
    way = yield* Semaphore.withPermit(
      slots,
      shared.flights.run(digestReference(target, blob.digest), {
        lead: move,
        // The leader may have trusted what this copy was told not to trust.
        landed: belief === "trust" ? Effect.succeed<Way>("present") : move,
        late: move,
        waitMs: shared.limits.waitMs,
      }),
    );
    yield* learn(job, blob);
  }
  tally.blob(blob.digest, blob.size, way);
  report({ _tag: "BlobDone", digest: blob.digest, size: blob.size, way });
});

const learn = (job: Job, blob: Descriptor): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    job.shared.index.learn(job.target.registry.name, job.target.repository, blob.digest, now),
  );

/** The ways in order of their price. */
const seek = Effect.fnUntraced(function* (job: Job, blob: Descriptor, belief: Belief) {
  if (belief === "send") return yield* sendBlob(job, blob);
  const sister = mountSource(job, blob);
  if (isAsked(job, blob, belief, sister)) {
    const held = yield* Effect.mapError(
      job.target.registry.hasBlob(job.target.repository, blob.digest),
      onSide("target"),
    );
    if (held) return "present" satisfies Way;
  }
  if (sister === undefined) return yield* sendOnceForAll(job, blob, undefined);
  const begun = yield* mount(job, blob, sister);
  return begun?._tag === "Mounted" ? ("mounted" satisfies Way) : yield* sendOnceForAll(job, blob, begun?.location);
});

/**
 * Whether a HEAD comes first. Where a sister repository is known, the POST that mounts is the question. Else it is
 * asked where it is likely to save an upload (a repository that holds content of others, a blob that was there an hour
 * ago) or costs nothing beside it (a large blob).
 */
const isAsked = (job: Job, blob: Descriptor, belief: Belief, sister: RepositoryName | undefined): boolean => {
  const { registry, repository } = job.target;
  if (belief === "ask" || registry.traits.presence === "head") return true;
  if (sister !== undefined) return false;
  if (blob.size > LARGE_BLOB_BYTES || job.shared.memory.warmth(registry.name, repository) === "warm") return true;
  return job.shared.index.mayHold(registry.name, repository, blob.digest);
};

const mountSource = (job: Job, blob: Descriptor): RepositoryName | undefined => {
  const { source, target, shared } = job;
  if (target.registry.traits.presence === "head") return undefined;
  // A copy within one registry needs no index: the source holds the blob.
  if (source.registry.name === target.registry.name && source.repository !== target.repository)
    return source.repository;
  return shared.index.mountSource(target.registry.name, target.repository, blob.digest);
};

/**
 * Asks for a mount. `undefined`: the POST itself failed, and is tried again without the wish (facts/oci.md section 0,
 * rule 11).
 */
const mount = (job: Job, blob: Descriptor, from: RepositoryName): Effect.Effect<UploadStart | undefined> => {
  const { registry, repository } = job.target;
  return Effect.match(registry.startUpload(repository, { digest: blob.digest, from }), {
    onSuccess: (begun): UploadStart | undefined => {
      job.shared.memory.mounted(registry.name, begun._tag === "Mounted");
      if (begun._tag === "Opened") job.shared.index.refused(registry.name, from, blob.digest);
      return begun;
    },
    onFailure: () => {
      job.shared.index.refused(registry.name, from, blob.digest);
      return undefined;
    },
  });
};

/**
 * Sends the blob, unless a copy to a sister repository is sending it: then that is waited for and mounted. `session` is
 * the upload that a refused mount opened; it is cancelled where it is not needed.
 */
const sendOnceForAll = (job: Job, blob: Descriptor, session: URL | undefined): Effect.Effect<Way, CopyError> => {
  const { registry } = job.target;
  const send = sendBlob(job, blob, session);
  if (registry.traits.presence === "head" || !job.shared.memory.mountsWork(registry.name)) return send;
  const lead = Effect.tap(send, () => learn(job, blob));
  const landed = Effect.suspend(() => {
    const sister = job.shared.index.mountSource(registry.name, job.target.repository, blob.digest);
    if (sister === undefined) return send;
    return Effect.flatMap(mount(job, blob, sister), (begun) => {
      const give = session === undefined ? Effect.void : cancel(job, session);
      if (begun?._tag === "Mounted") return Effect.map(give, (): Way => "mounted");
      if (begun === undefined) return send;
      return Effect.andThen(give, sendBlob(job, blob, begun.location));
    });
  });
  const move = job.shared.flights.run(`${registry.name} ${blob.digest}`, {
    lead,
    landed,
    late: send,
    waitMs: job.shared.limits.waitMs,
  });
  return session === undefined ? move : Effect.onInterrupt(move, () => cancel(job, session));
};

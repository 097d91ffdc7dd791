import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { Descriptor } from "../model/descriptor.ts";
import type { BlobBody } from "../registry/registry.ts";
import { type CopyError, onSide } from "./errors.ts";
import { digestReference, type Job, type Place } from "./job.ts";

/** A blob that is being read, and the place that gives it where that is not the source. */
export interface OpenBody {
  readonly body: BlobBody;
  readonly place: Place | undefined;
}

/** Not asked for this blob again by this copy: it does not have it, broke on the way, or gave other bytes. */
export const avoid = (job: Job, blob: Descriptor, place: Place): void => {
  job.avoided.add(digestReference(place, blob.digest));
};

/**
 * Opens the blob at the first of `bytesFrom` that gives it, else at the source. A place that fails, however it does, is no failure of the copy: one that
 * lacks the blob costs a request, and one that is away or refuses us is left alone for some minutes.
 */
export const openNearest = Effect.fnUntraced(function* (job: Job, blob: Descriptor, from: number) {
  const range = from === 0 ? undefined : from;
  for (const place of job.bytesFrom) {
    if (job.avoided.has(digestReference(place, blob.digest))) continue;
    if (job.shared.resting.rests(place, yield* Clock.currentTimeMillis)) continue;
    const opened = yield* Effect.result(place.registry.blob(place.repository, blob, range));
    if (Result.isSuccess(opened)) return { body: opened.success, place } as OpenBody;
    avoid(job, blob, place);
    if (job.shared.resting.failed(place, opened.failure, yield* Clock.currentTimeMillis))
      yield* Effect.logWarning(`bytesFrom: for some minutes the source is read instead: ${opened.failure.message}`);
  }
  const body = yield* Effect.mapError(job.source.registry.blob(job.source.repository, blob, range), onSide("source"));
  return { body, place: undefined } as OpenBody;
}) satisfies (job: Job, blob: Descriptor, from: number) => Effect.Effect<OpenBody, CopyError>;

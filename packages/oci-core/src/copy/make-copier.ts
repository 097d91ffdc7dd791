import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import { type BlobIndex, makeBlobIndex } from "./blob-index.ts";
import type { Copier } from "./copier.ts";
import { runCopy } from "./copy.ts";
import { runRepositoryCopy } from "./copy-repository.ts";
import { runCopyToMany } from "./copy-to-many.ts";
import { makeFinishedImages } from "./finished.ts";
import { makeGates } from "./gates.ts";
import type { Shared } from "./job.ts";
import {
  type CopyLimits,
  DEFAULT_LIMITS,
  LARGE_STREAMS_MAX,
  WHOLE_BLOB_UNIT_BYTES,
  WHOLE_BLOBS_BYTES_MAX,
} from "./limits.ts";
import { makeResting } from "./resting.ts";
import { makeSingleFlight } from "./single-flight.ts";
import type { BlobSpool } from "./spool.ts";
import { makeTargetMemory } from "./target-memory.ts";
import { makeTurns } from "./turns.ts";

export interface CopierOptions {
  /** Where blobs are known to be. Default: one in memory that starts empty. */
  readonly index?: BlobIndex | undefined;
  readonly limits?: Partial<CopyLimits> | undefined;
  /** For copies to several targets (`makeSpool`). Default: none, and each target reads for itself. */
  readonly spool?: BlobSpool | undefined;
}

/**
 * Makes a copier. It holds memory alone, nothing to close: make one for a process and give it every copy, since what it learns from one
 * saves requests in the next.
 *
 * @example
 * const copier = yield* makeCopier();
 * const result = yield* copier.copy({ source, target, depth: "tag", referrers: "all" });
 */
export const makeCopier = (options: CopierOptions = {}): Effect.Effect<Copier> =>
  Effect.sync(() => {
    const shared: Shared = {
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      index: options.index ?? makeBlobIndex(),
      flights: makeSingleFlight(),
      finished: makeFinishedImages(),
      memory: makeTargetMemory(),
      spool: options.spool,
      resting: makeResting(),
      largeStreams: makeGates(LARGE_STREAMS_MAX),
      turns: makeTurns(),
      room: Semaphore.makeUnsafe(WHOLE_BLOBS_BYTES_MAX / WHOLE_BLOB_UNIT_BYTES),
    };
    return {
      copy: (request) => runCopy(shared, request),
      copyToMany: (request) => runCopyToMany(shared, request),
      copyRepository: (request) => runRepositoryCopy(shared, request),
    };
  });

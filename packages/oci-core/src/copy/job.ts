import type * as Semaphore from "effect/Semaphore";
import type { Digest, RepositoryName } from "../model/brand.ts";
import type { Registry } from "../registry/registry.ts";
import type { BlobIndex } from "./blob-index.ts";
import type { Choice } from "./choice.ts";
import type { CopyProgress } from "./copier.ts";
import type { FinishedImages } from "./finished.ts";
import type { Gates } from "./gates.ts";
import type { CopyLimits } from "./limits.ts";
import type { Resting } from "./resting.ts";
import type { SingleFlight } from "./single-flight.ts";
import type { BlobSpool } from "./spool.ts";
import type { Tally } from "./tally.ts";
import type { TargetMemory } from "./target-memory.ts";
import type { Turns } from "./turns.ts";

/** One end of a copy. */
export interface Place {
  readonly registry: Registry;
  readonly repository: RepositoryName;
}

/** What all copies of one copier share. */
export interface Shared {
  readonly limits: CopyLimits;
  readonly index: BlobIndex;
  readonly flights: SingleFlight;
  readonly finished: FinishedImages;
  readonly memory: TargetMemory;
  readonly turns: Turns;
  readonly spool: BlobSpool | undefined;
  /** Places of `bytesFrom` that are not asked for a while. */
  readonly resting: Resting;
  /** By target registry, see `LARGE_STREAMS_MAX`. */
  readonly largeStreams: Gates;
  /** Room for blobs that are held whole, in units of `WHOLE_BLOB_UNIT_BYTES`. */
  readonly room: Semaphore.Semaphore;
}

/** One copy under way: what its steps need, and nothing of how they are ordered. */
export interface Job {
  readonly source: Place;
  readonly target: Place;
  /** Places that may give bytes instead of the source, the nearest first. */
  readonly bytesFrom: ReadonlyArray<Place>;
  /** Those that could not give a blob, as `digestReference`: not asked for it again by this copy. */
  readonly avoided: Set<string>;
  readonly choice: Choice;
  /** Whether blobs are read through the spool. */
  readonly isShared: boolean;
  readonly shared: Shared;
  /** Slots of this copy, over all its manifests and referrers. */
  readonly slots: { readonly small: Semaphore.Semaphore; readonly large: Semaphore.Semaphore };
  readonly tally: Tally;
  readonly report: (progress: CopyProgress) => void;
}

/**
 * How much is believed about what the target holds. `trust`: what we know of our own is enough. `ask`: a HEAD decides.
 * `send`: it is sent whatever anybody says, because the target refused a manifest for lack of it.
 */
export type Belief = "trust" | "ask" | "send";

/** `registry/repository@digest`, for errors and keys of flights. */
export const digestReference = (place: Place, digest: Digest): string =>
  `${place.registry.name}/${place.repository}@${digest}`;

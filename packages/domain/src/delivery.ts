import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import type { SourceTag } from "./event.ts";
import type { Route } from "./route.ts";

export type Depth = "tag" | "referrers" | "deep";

/** What an event asks of one target: bring this name up to at least this log position. Two of them for one name become one (idea 2). */
export interface DeliveryRequest {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  readonly position: number;
  readonly depth: Depth;
  /** Higher goes first. */
  readonly priority: number;
  /** When the cause was recorded: the age of the oldest pending one is the lag. */
  readonly requestedAt: Date;
  /** A drift that a reconciliation found does not wake a parked delivery; news from the source does. */
  readonly wakesParked: boolean;
}

export interface RescanRequest {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly position: number;
  readonly reason: string;
}

/**
 * A signature, attestation or SBOM arrived for `subject`: every delivery that holds it, or waits for it to be signed, is asked for again at depth
 * `referrers`. The store finds them, it knows their graphs. Without `subject` it may be one of anything in the repository: only what waits is asked for.
 */
export interface ReferrerRequest {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly subject: Digest | undefined;
  readonly position: number;
  readonly requestedAt: Date;
}

/** Every delivery of `target` that was asked for after a position is asked for again. The store finds them. */
export interface ReplayRequest {
  readonly target: string;
  readonly after: number;
  readonly position: number;
  readonly depth: Depth;
  readonly requestedAt: Date;
}

/** `idle`: done = requested. `pending`: waits for a worker (or for `dueAt`). `leased`: a worker has it. `parked`: waits for a person or for news. */
export type DeliveryState = "idle" | "pending" | "leased" | "parked";

/** One delivery on the way of a name to the source of another. */
export interface Ancestor {
  readonly source: SourceTag;
  /** Digests that we put, or were about to put, where this delivery goes. */
  readonly owned: ReadonlyArray<Digest>;
}

/** A repository that may hold the blobs of an image, because the image goes there too. */
export interface BytesPlace {
  /** Registry name. */
  readonly registry: string;
  readonly repository: RepositoryName;
}

/** What a worker has to know of a route: all but what chose the name. See `workPolicyOf`. */
export interface WorkPolicy extends Omit<Route, "from" | "select" | "to" | "priority"> {
  /** The nearest first. Absent: all bytes come from the source. */
  readonly bytesFrom?: ReadonlyArray<BytesPlace> | undefined;
}

/** What a worker is given: everything it must know without reading the log or the database. */
export interface WorkItem {
  readonly delivery: string;
  /** Grows with each claim; an outcome counts only while it is current. */
  readonly generation: number;
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  /** The requested position captured at the claim: becomes `done` on success. */
  readonly claimed: number;
  readonly depth: Depth;
  /** Attempts since the last success or news, this one included: 1 is the first. Those of an outage do not count after it (`attemptOf`). */
  readonly attempt: number;
  /** Why the attempt before this one failed. Absent: it did not. */
  readonly lastReason?: string | undefined;
  /** Digests that we put or adopted under this name, or were about to put when we stopped: any of them at the target is ours. Empty: not owned. */
  readonly owned: ReadonlyArray<Digest>;
  /**
   * Where the source has this name from, by our books: what we delivered to it, what we delivered to that one, and so on. Absent: it is nobody's
   * target. Registries that feed each other are known by it (`decide`).
   */
  readonly lineage?: ReadonlyArray<Ancestor> | undefined;
  /** The digest that this delivery waits for a signature of, since its last attempt. */
  readonly waitsFor?: Digest | undefined;
  /** When the source was first proven to lack the tag, in this streak. */
  readonly absentSince?: Date | undefined;
  readonly requestedAt: Date;
  readonly leaseUntil: Date;
  /** The rules of the route when the item was handed out, where the worker may not have them. Absent: those of its own configuration. */
  readonly policy?: WorkPolicy | undefined;
}

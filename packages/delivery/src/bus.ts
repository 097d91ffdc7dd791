import type { Depth, Failure, OutcomeEvent, WorkItem } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Stream from "effect/Stream";

/** The lease is gone: somebody else has the delivery, or it expired. Stop at once, write nothing. */
export class LeaseLost extends Data.TaggedError("LeaseLost")<{
  readonly delivery: string;
  readonly generation: number;
}> {
  override get message(): string {
    return `delivery ${this.delivery}: the lease of generation ${this.generation} is lost; another worker goes on with it`;
  }
}
/** The bus itself cannot be reached. Retry; nothing was lost. */
export class BusUnavailable extends Data.TaggedError("BusUnavailable")<{
  readonly operation: string;
  readonly cause: unknown;
}> {
  override get message(): string {
    const why = this.cause instanceof Error ? `: ${this.cause.message}` : "";
    return `delivery bus: ${this.operation} failed${why}`;
  }
}

/** How a piece of work ended. The bus turns it into the delivery's next state and an outcome event, in one transaction. */
export type Outcome =
  | {
      readonly _tag: "Succeeded";
      readonly event: Extract<OutcomeEvent, { _tag: "ReplicationSucceeded" }>;
      /** What the target holds under the name now: the digest we own, or null when it holds nothing. */
      readonly held: Digest | null;
      /** Digests of the manifests below the top, so that a referrer of a child finds its delivery. */
      readonly manifests: ReadonlyArray<Digest>;
    }
  | { readonly _tag: "Skipped"; readonly event: Extract<OutcomeEvent, { _tag: "ReplicationSkipped" }> }
  /** Try again at `at`. Counts as an attempt. */
  | { readonly _tag: "Failed"; readonly event: Extract<OutcomeEvent, { _tag: "ReplicationFailed" }>; readonly at: Date }
  | { readonly _tag: "Parked"; readonly event: Extract<OutcomeEvent, { _tag: "ReplicationParked" }> }
  /**
   * Not an attempt: the image is not signed yet as its route asks (`waiting: signature`). Looked at again at `at`, and at once when something is pushed
   * that may be the signature. `event`: only the first time for a digest.
   */
  | {
      readonly _tag: "Waiting";
      readonly subject: Digest;
      readonly detail: string;
      readonly at: Date;
      readonly event?: Extract<OutcomeEvent, { _tag: "ReplicationSkipped" }> | undefined;
    }
  /** Not an attempt and not an event: the proof of absence has to hold again at `at`. */
  | { readonly _tag: "Confirming"; readonly absentSince: Date; readonly at: Date };

export type DeletePermit =
  | { readonly _tag: "Granted" }
  /** The guard's limit is reached: which one, in words. Counted as refused, nothing was counted as deleted. */
  | { readonly _tag: "Refused"; readonly why: string }
  /** No deletion for now, and it will change by itself: ask again later. Nothing was counted. */
  | { readonly _tag: "Off"; readonly why: string };

/** Another tag at the target that we own and that holds the same digest. */
export interface Sibling {
  readonly delivery: string;
  readonly tag: Tag;
  readonly sourceRegistry: string;
  readonly sourceRepository: RepositoryName;
  readonly sourceTag: Tag;
  /** When its own delivery first proved that its source lacks the tag, in the present streak. */
  readonly absentSince?: Date | undefined;
}

/**
 * Work for replicators, and what became of it. A worker knows this and not the log. Implemented over PostgreSQL and in
 * memory; every implementation passes `deliveryBusContract`.
 *
 * Invariant 6: of two workers at most one owns a delivery. Every call that takes an item fails with `LeaseLost` once its generation is not current or its lease has run out.
 */
export interface DeliveryBus {
  /** Takes up to `limit` due deliveries of one target, oldest request first within a priority, fair between repositories. */
  readonly claim: (options: {
    readonly target: string;
    readonly worker: string;
    readonly limit: number;
    readonly leaseMs: number;
  }) => Effect.Effect<ReadonlyArray<WorkItem>, BusUnavailable>;
  /** Prolongs the lease from now. */
  readonly extend: (item: WorkItem, leaseMs: number) => Effect.Effect<Date, LeaseLost | BusUnavailable>;
  /**
   * Right before a tag is put: records that this digest is about to be ours (so that a crash between the PUT and the report does
   * not make our own image a stranger), and fails unless the lease lasts at least `neededMs` more.
   */
  readonly intend: (
    item: WorkItem,
    digest: Digest,
    neededMs: number,
  ) => Effect.Effect<void, LeaseLost | BusUnavailable>;
  readonly report: (item: WorkItem, outcome: Outcome) => Effect.Effect<void, LeaseLost | BusUnavailable>;
  /** Hands the item back untouched (graceful shutdown, target down): due again at `at`, not an attempt. */
  readonly release: (item: WorkItem, at: Date) => Effect.Effect<void, BusUnavailable>;
  /** The guard: counts a deletion of `tags` tags, or refuses. Fails unless the lease lasts at least `neededMs` more. */
  readonly permitDelete: (
    item: WorkItem,
    tags: number,
    neededMs: number,
  ) => Effect.Effect<DeletePermit, LeaseLost | BusUnavailable>;
  /** Other owned tags of the same target repository that hold `digest` by our books. */
  readonly siblings: (item: WorkItem, digest: Digest) => Effect.Effect<ReadonlyArray<Sibling>, BusUnavailable>;
  /** Emits when work may have become due for the target. A hint: polling is the safety net. */
  readonly wakes: (target: string) => Stream.Stream<void>;
}

export type { Depth, Failure };

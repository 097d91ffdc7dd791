import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import type { Depth } from "./delivery.ts";

/** The facts of our log, past tense. Public contract: DESIGN.md section 4.4; stored as CloudEvents by `wire.ts`. */
export type DomainEvent =
  | SourceEvent
  | DriftFound
  | RescanRequested
  | OutcomeEvent
  | ReconciliationEvent
  | OperatorEvent;

/** What a registry told us. The digest is for display: the source tells (DESIGN.md section 2, idea 2). */
export type SourceEvent = ImagePushed | TagDeleted | ImagePromoted | ReferrerPushed;

export interface ImagePushed {
  readonly _tag: "ImagePushed";
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
  readonly mediaType?: string | undefined;
  readonly platforms?: ReadonlyArray<string> | undefined;
}
export interface TagDeleted {
  readonly _tag: "TagDeleted";
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
}
export interface ImagePromoted {
  readonly _tag: "ImagePromoted";
  readonly registry: string;
  readonly from: { readonly repository: RepositoryName; readonly tag?: Tag | undefined };
  readonly to?: { readonly repository: RepositoryName; readonly tag?: Tag | undefined } | undefined;
  readonly move?: boolean | undefined;
}
/** A signature, attestation or SBOM arrived for a subject: the deliveries that hold the subject are asked for again, one level deeper. */
export interface ReferrerPushed {
  readonly _tag: "ReferrerPushed";
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly subject: Digest;
  readonly artifactType?: string | undefined;
}
/** What cannot be named as one tag: a durable, coalesced reconciliation of one source repository. */
export interface RescanRequested {
  readonly _tag: "RescanRequested";
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly reason: string;
}

export type DriftKind = "missing" | "different" | "extra" | "incomplete" | "conflict" | "unrouted";

/** The reconciler saw a difference between wanted and real. Names are those of the target. */
export interface DriftFound {
  readonly _tag: "DriftFound";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly kind: DriftKind;
  /** Where the wanted state was read. */
  readonly source: SourceTag;
  readonly route: string;
  readonly wanted?: Digest | undefined;
  readonly held?: Digest | undefined;
  readonly reconciliation: string;
  /** Found by the first comparison of a target, or asked for as a backfill: it waits for everything else. */
  readonly backfill?: boolean | undefined;
}

export interface SourceTag {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

/** What all outcomes say: the target's name for it, where it came from, and which event asked. */
interface OutcomeBase {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  /** Log position of the newest cause that this outcome answers. */
  readonly cause: number;
  readonly digest?: Digest | undefined;
}
export interface ReplicationSucceeded extends OutcomeBase {
  readonly _tag: "ReplicationSucceeded";
  readonly action: "copied" | "deleted" | "unchanged" | "adopted";
  readonly bytes: { readonly copied: number; readonly mounted: number; readonly present: number };
  readonly blobs: { readonly copied: number; readonly mounted: number; readonly present: number };
  readonly referrers: number;
  readonly durationMs: number;
}
export interface Failure {
  readonly side: "source" | "target" | "drayage";
  readonly operation: string;
  readonly reason: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly attempt: number;
  /** ISO time of the next attempt, absent when parked. */
  readonly nextAttempt?: string | undefined;
}
export interface ReplicationFailed extends OutcomeBase {
  readonly _tag: "ReplicationFailed";
  readonly error: Failure;
}
export interface ReplicationParked extends OutcomeBase {
  readonly _tag: "ReplicationParked";
  readonly error: Failure;
}
export interface ReplicationSkipped extends OutcomeBase {
  readonly _tag: "ReplicationSkipped";
  /** e.g. `deletes-ignored`, `echo`, `not-owned`, `protected`, `shared-digest`, `target-hidden`, `filtered`, `superseded`, `waiting-signature`. */
  readonly reason: string;
  readonly detail?: string | undefined;
}
export type OutcomeEvent = ReplicationSucceeded | ReplicationFailed | ReplicationParked | ReplicationSkipped;

export interface ReconciliationStarted {
  readonly _tag: "ReconciliationStarted";
  readonly reconciliation: string;
  readonly scope: ReconciliationScope;
}
export interface ReconciliationCompleted {
  readonly _tag: "ReconciliationCompleted";
  readonly reconciliation: string;
  readonly scope: ReconciliationScope;
  readonly compared: number;
  readonly drift: Readonly<Partial<Record<DriftKind, number>>>;
  /** `complete`, or why not: no deletion is ever based on an incomplete listing. */
  readonly completeness: "complete" | "incomplete";
  readonly problems: ReadonlyArray<string>;
  readonly durationMs: number;
}
export interface ReconciliationScope {
  readonly kind: "full" | "changed" | "rescan";
  readonly target?: string | undefined;
  readonly route?: string | undefined;
  /** Source repository of a rescan. */
  readonly repository?: string | undefined;
  /** What it finds goes behind everything else. */
  readonly backfill?: boolean | undefined;
}
export type ReconciliationEvent = ReconciliationStarted | ReconciliationCompleted;

export interface DeletionProposed {
  readonly _tag: "DeletionProposed";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest?: Digest | undefined;
  readonly why: string;
}
export interface DeletionRefused {
  readonly _tag: "DeletionRefused";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest?: Digest | undefined;
  readonly why: string;
}
export interface ConfigurationApplied {
  readonly _tag: "ConfigurationApplied";
  readonly revision: string;
}
export interface DeliveryRetried {
  readonly _tag: "DeliveryRetried";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly why: string;
}
/** Somebody gave a parked delivery up: it rests until its source has news, or a reconciliation finds it again. */
export interface DeliveryDiscarded {
  readonly _tag: "DeliveryDiscarded";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly why: string;
}
/** No new work begins at the target from here on; its deliveries collect. */
export interface TargetPaused {
  readonly _tag: "TargetPaused";
  readonly target: string;
  /** Only its backfill. */
  readonly backfill?: boolean | undefined;
  readonly why: string;
}
export interface TargetResumed {
  readonly _tag: "TargetResumed";
  readonly target: string;
  readonly backfill?: boolean | undefined;
  readonly why: string;
}
/** Every name at the target that was asked for after a position is looked at again, as both sides are now (never an old digest). */
export interface ReplayRequested {
  readonly _tag: "ReplayRequested";
  readonly target: string;
  /** Log position. */
  readonly after: number;
  readonly depth: Depth;
  readonly why: string;
}
/**
 * A tag that was at a target before us is ours from now on: a comparison found it equal to its source, and the route says `existing:
 * adopt-equal` (or `overwrite`). Nothing was copied.
 */
export interface TagAdopted {
  readonly _tag: "TagAdopted";
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest;
  readonly source: SourceTag;
  readonly route: string;
  readonly reconciliation: string;
}
export type OperatorEvent =
  | DeletionProposed
  | DeletionRefused
  | ConfigurationApplied
  | DeliveryRetried
  | DeliveryDiscarded
  | TargetPaused
  | TargetResumed
  | ReplayRequested
  | TagAdopted;

export type DomainEventTag = DomainEvent["_tag"];

import type { Failure, FailureReason, WorkItem } from "@drayage/domain";
import type { CopyError, RegistryError } from "@drayage/oci-core";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";

/** What is known of a failed attempt before the retry policy has spoken. */
export type RawFailure = Omit<Failure, "attempt" | "nextAttempt"> & {
  readonly reason: FailureReason;
  readonly retryAfterMs?: number | undefined;
};

/** A step of the work failed on one side, for a reason that the retry table knows. */
export class ReplicateError extends Data.TaggedError("ReplicateError")<{ readonly failure: RawFailure }> {
  override get message(): string {
    const { side, operation, reason, detail } = this.failure;
    return `${side}: ${operation}: ${reason}: ${detail}`;
  }
}

/** Names the side of a registry's error. */
const on =
  (side: "source" | "target") =>
  <A, R>(effect: Effect.Effect<A, RegistryError, R>): Effect.Effect<A, ReplicateError, R> =>
    Effect.mapError(effect, (error) => new ReplicateError({ failure: fromRegistry(side, error) }));

export const onSource = on("source");
export const onTarget = on("target");

const fromRegistry = (side: "source" | "target", error: RegistryError): RawFailure => ({
  side,
  operation: `${error.operation} ${error.registry}/${error.reference}`,
  reason: error.reason,
  detail: error.detail,
  retryable: error.retryable,
  status: error.status,
  requestId: error.requestId,
  retryAfterMs: error.retryAfterMs,
});

export const fromCopy = (error: CopyError): ReplicateError =>
  new ReplicateError({
    failure: {
      side: error.side,
      operation: `${error.operation} ${error.reference}`,
      reason: error.reason,
      detail: error.detail,
      retryable: error.retryable,
      status: error.status,
      requestId: error.requestId,
      retryAfterMs: error.retryAfterMs,
    },
  });

/** The whole registry cannot be reached, as opposed to one image of it being refused: work for it waits together. */
export const isOutage = (failure: RawFailure): boolean =>
  failure.reason === "network" || failure.reason === "unavailable" || failure.reason === "stalled";

/** The source contradicts itself about a tag. Nothing follows from that; asked again later. */
export const unproven = (item: WorkItem, detail: string): ReplicateError =>
  new ReplicateError({
    failure: {
      side: "source",
      operation: `prove the absence of ${item.source.registry}/${item.source.repository}:${item.source.tag}`,
      reason: "absence-unproven",
      detail,
      retryable: true,
    },
  });

/** We will not do it, and the delivery waits for a person or for news. */
export const refused = (reason: "conflict" | "guard-refused" | "approval-needed", detail: string): ReplicateError =>
  new ReplicateError({ failure: { side: "drayage", operation: "decide", reason, detail, retryable: false } });

import { type Failure, type FailureReason, isRetryable, type WorkItem } from "@drayage/domain";
import type { CopyError, RegistryError } from "@drayage/oci-core";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import type { TargetSign } from "./target-health.ts";

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
const isOutage = (failure: RawFailure): boolean =>
  failure.reason === "network" || failure.reason === "unavailable" || failure.reason === "stalled";

/** What a failure tells about the target as such: a refusal is an answer, too. */
export const signOf = (failure: RawFailure): TargetSign => {
  if (failure.side === "target" && isOutage(failure)) return { _tag: "Away", retryAfterMs: failure.retryAfterMs };
  const hasAnswered = failure.side === "target" || (failure.side === "drayage" && failure.reason !== "internal");
  return { _tag: hasAnswered ? "Answered" : "Unknown" };
};

/** One side contradicts itself about a tag. Nothing follows from that; asked again later. */
export const unproven = (item: WorkItem, detail: string, side: "source" | "target" = "source"): ReplicateError => {
  const { repository, tag } = side === "source" ? item.source : item;
  const registry = side === "source" ? item.source.registry : item.target;
  return new ReplicateError({
    failure: {
      side,
      operation: `prove the absence of ${registry}/${repository}:${tag}`,
      reason: "absence-unproven",
      detail,
      retryable: true,
    },
  });
};

/** The source does not know a repository that we were told of and never copied from: a right that is missing looks the same, so it is not well. */
export const repositoryHidden = ({ source }: WorkItem): ReplicateError =>
  new ReplicateError({
    failure: {
      side: "source",
      operation: `GET manifest ${source.registry}/${source.repository}:${source.tag}`,
      reason: "repository-unknown",
      detail: `${source.registry} does not know ${source.repository}, or hides it from us: check the rights of our account there`,
      retryable: true,
    },
  });

/** A source tag that never stood still long enough. */
export const movesTooOften = ({ source }: WorkItem, rounds: number): ReplicateError =>
  new ReplicateError({
    failure: {
      side: "source",
      operation: `copy ${source.registry}/${source.repository}:${source.tag}`,
      reason: "source-moved",
      detail: `the tag moved ${rounds} times while it was being copied`,
      retryable: true,
    },
  });

/** The route wants platforms that the image does not have. */
export const noPlatform = ({ source, route }: WorkItem): ReplicateError =>
  new ReplicateError({
    failure: {
      side: "source",
      operation: `choose platforms of ${source.registry}/${source.repository}:${source.tag}`,
      reason: "platform-missing",
      detail: `the index has none of the platforms of route ${route}: add one there, or leave the image out`,
      retryable: false,
    },
  });

/** We will not do it, and the delivery waits for a person or for news (or, for `deletes-off`, for a reconciliation). */
export const refused = (
  reason: "conflict" | "deletes-off" | "guard-refused" | "approval-needed",
  detail: string,
): ReplicateError =>
  new ReplicateError({
    failure: { side: "drayage", operation: "decide", reason, detail, retryable: isRetryable(reason) },
  });

/** A bug of ours ended the attempt: the image is poisoned for us, the others go on. */
export const internal = (defect: unknown): RawFailure => ({
  side: "drayage",
  operation: "replicate",
  reason: "internal",
  // One line: the stack goes to the log, not into an event.
  detail: String(defect).split("\n", 1)[0] ?? "",
  retryable: true,
});

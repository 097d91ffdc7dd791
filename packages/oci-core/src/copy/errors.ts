import * as Data from "effect/Data";
import type { RegistryError, RegistryReason } from "../registry/errors.ts";

/** Reasons of a copy that are not an answer of a registry. */
export type GraphReason =
  | "manifest-refused" // schema 1, ambiguous document, wrong media type: this image can never be copied
  | "graph-too-large" // depth, count of children or total bytes over the limit
  | "platform-missing" // none of the platforms that are wanted is in the index
  | "sparse-index-refused" // the target does not take an index without all its images
  | "source-moved"; // a child the index names is gone, because the tag moved and the old image was collected

/** The side of a copy that an error is about. */
export type CopySide = "source" | "target";

/** Why a copy ended: which side, doing what, on what, and whether trying again may help. */
export class CopyError extends Data.TaggedError("CopyError")<{
  readonly side: CopySide;
  readonly operation: string;
  readonly reference: string;
  readonly reason: RegistryReason | GraphReason;
  readonly detail: string;
  readonly retryable: boolean;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: RegistryError | undefined;
}> {
  override get message(): string {
    const status = this.status === undefined ? "" : ` (${this.status})`;
    return `${this.side}: ${this.operation} ${this.reference}: ${this.reason}${status}: ${this.detail}`;
  }
}

/** An answer of a registry as the error of a copy: nothing is lost, the side is added. */
export const onSide =
  (side: CopySide) =>
  (error: RegistryError): CopyError =>
    new CopyError({
      side,
      operation: error.operation,
      reference: `${error.registry}/${error.reference}`,
      reason: error.reason,
      detail: error.detail,
      retryable: error.retryable,
      status: error.status,
      retryAfterMs: error.retryAfterMs,
      requestId: error.requestId,
      cause: error,
    });

import * as Data from "effect/Data";
import type { DatabaseError } from "../database/errors.ts";

/** The log cannot be reached, or is too busy. A transient failure of an append may have committed: `dedupe` makes the repetition safe. */
export class LogUnavailable extends Data.TaggedError("LogUnavailable")<{
  readonly operation: string;
  /** Whether the same call may succeed later. */
  readonly transient: boolean;
  /** One line, at most 500 characters. */
  readonly detail: string;
  readonly cause?: unknown;
}> {
  override get message(): string {
    return `event log: ${this.operation} failed: ${this.detail}`;
  }
}

/** An event that can never be stored. Nothing of its append was. */
export class EventInvalid extends Data.TaggedError("EventInvalid")<{
  readonly type: string;
  readonly detail: string;
}> {
  override get message(): string {
    return `event log: an event of type ${this.type} cannot be stored: ${this.detail}`;
  }
}

export const toLogUnavailable = (error: DatabaseError): LogUnavailable =>
  new LogUnavailable({
    operation: error.operation,
    transient: error.transient,
    detail: error.detail,
    cause: error,
  });

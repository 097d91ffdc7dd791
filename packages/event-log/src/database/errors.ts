import * as Data from "effect/Data";

/** A broken invariant: a bug or a damaged database, never an error value. It ends the fiber as a defect. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** A statement, a connection or a transaction failed. Contains no credential. */
export class DatabaseError extends Data.TaggedError("DatabaseError")<{
  /** What was tried, in our words: `append`, `read events`. */
  readonly operation: string;
  /** SQLSTATE (PostgreSQL, appendix A) or the code of the system call (`ECONNREFUSED`). */
  readonly code: string | undefined;
  /** Whether the same operation may succeed later, unchanged. A transient failure of a commit may have committed. */
  readonly transient: boolean;
  /** One line, at most 500 characters. */
  readonly detail: string;
  readonly cause: unknown;
}> {
  override get message(): string {
    const code = this.code === undefined ? "" : ` (${this.code})`;
    return `database: ${this.operation} failed${code}: ${this.detail}`;
  }
}

/**
 * Why a database is not used, although it answers. A person has to change something.
 *
 * - `other-instance`: it belongs to another `instance` of Drayage.
 * - `server-too-old`: older than PostgreSQL 15.
 * - `not-durable`: `fsync`, `synchronous_commit` or `full_page_writes` is off, so an acknowledged event could be lost.
 * - `migrations`: what was applied does not fit what this version brings.
 * - `invalid-url`: not a `postgres://` URL.
 */
export type RefusalReason = "other-instance" | "server-too-old" | "not-durable" | "migrations" | "invalid-url";

/** The database must not be used as it is. */
export class DatabaseRefused extends Data.TaggedError("DatabaseRefused")<{
  readonly reason: RefusalReason;
  /** What is wrong and what to do, one line. */
  readonly detail: string;
}> {
  override get message(): string {
    return `database refused (${this.reason}): ${this.detail}`;
  }
}

/** Classes of SQLSTATE, or whole codes, after which the same statement may succeed. The one table that decides it. */
const TRANSIENT_SQLSTATE: ReadonlyArray<string> = [
  "08", // connection exceptions
  "53", // no disk, memory or connections left just now
  "57P", // the server is being stopped, crashed, or starts
  "57014", // statement timeout, or cancelled by an administrator
  "40", // serialization failure, deadlock
  "55P03", // a lock was not to be had in time
  "25P03", // we were suspended inside a transaction, which was rolled back
  "25P04", // the same by an administrator's limit on transactions
  "25006", // read only: we still talk to a primary that was demoted
  "58", // an I/O error of the server
];
const TRANSIENT_SYSTEM: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ENOTFOUND", // a name that a failover is about to move
  "ENOENT", // the Unix socket of a server that restarts
]);
/** The driver reports a lost connection as a plain Error without a code (pg 8: client.js, index.js of pg-pool). */
const TRANSIENT_MESSAGE =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout|timeout expired)/;

/** Errors that only a mistake in the program throws. */
const isBug = (cause: unknown): boolean =>
  cause instanceof BrokenInvariant ||
  cause instanceof TypeError ||
  cause instanceof RangeError ||
  cause instanceof ReferenceError;

const codeOf = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined;

/** Whether an operation that failed so may succeed later. */
export const isTransient = (cause: unknown): boolean => {
  const code = codeOf(cause);
  if (code === undefined) return cause instanceof Error && TRANSIENT_MESSAGE.test(cause.message);
  return TRANSIENT_SYSTEM.has(code) || TRANSIENT_SQLSTATE.some((prefix) => code.startsWith(prefix));
};

const DETAIL_CHARACTERS = 500; // a line of a log, not a dump of the statement
const detailOf = (cause: unknown): string => {
  // Several addresses of one host failed: the first says enough.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  const text = first instanceof Error ? first.message : String(first);
  return text.replaceAll(/\s+/g, " ").slice(0, DETAIL_CHARACTERS);
};

/**
 * What the driver threw, as our error. A `DatabaseError` passes through, so that a transaction's body keeps its own;
 * a bug is thrown again, which Effect turns into a defect.
 */
export const toDatabaseError =
  (operation: string) =>
  (cause: unknown): DatabaseError => {
    if (cause instanceof DatabaseError) return cause;
    if (isBug(cause)) throw cause;
    return new DatabaseError({
      operation,
      code: codeOf(cause),
      transient: isTransient(cause),
      detail: detailOf(cause),
      cause,
    });
  };

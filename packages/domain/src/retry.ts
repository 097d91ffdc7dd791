/**
 * When a failed delivery is tried again: one table, one owner. The client below makes a few quick attempts of its own; what arrives
 * here failed for longer. News of the source starts the count anew (packages/delivery).
 */

/** Reasons of oci-core's `RegistryError`, written again because the domain knows only the model: passing a `CopyError` here fails to compile when one is missing. */
export type RegistryFailure =
  | "not-found"
  | "repository-unknown"
  | "unauthorized"
  | "denied"
  | "rate-limited"
  | "unavailable"
  | "network"
  | "stalled"
  | "digest-mismatch"
  | "too-large"
  | "invalid-response"
  | "invalid-request"
  | "unsupported"
  | "upload-lost"
  | "content-missing"
  | "conflict"
  | "unsafe-location";
/** Reasons of oci-core's copy engine. */
export type GraphFailure =
  | "manifest-refused"
  | "graph-too-large"
  | "source-moved"
  | "platform-missing"
  | "sparse-index-refused";
/** Reasons of our own. */
export type OwnFailure =
  | "absence-unproven" // the source lacks the tag, but the proof could not be made
  | "guard-refused" // the limit on deletions is reached
  | "deletes-off" // our books were restored from a backup, and the target is not compared with them yet
  | "approval-needed" // a whole repository vanished
  | "trust-unavailable" // what signatures are checked against cannot be read or fetched
  | "rival-source" // another source owns the name at the target
  | "internal"; // a bug of ours: the image is poisoned for us, others go on
export type FailureReason = RegistryFailure | GraphFailure | OwnFailure;

/** Milliseconds between attempts, doubling from `base` to `cap`, and after how many attempts to park. */
interface Row {
  readonly base: number;
  readonly cap: number | { readonly source: number; readonly target: number };
  /** Attempts in all, the first included; then parked. `for-ever`: the other side is down, and waiting is all there is to do. */
  readonly attempts: number | "for-ever";
}
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/**
 * The other side is away. A target is asked again after at most 30 s, so that it is level soon after it is back. A source feeds every target, and all
 * their workers ask it, so it is asked ten times more seldom.
 */
const AWAY: Row = { base: SECOND, cap: { source: 5 * MINUTE, target: 30 * SECOND }, attempts: "for-ever" };
/** Throttled: asking seldom is the cure. */
const THROTTLED: Row = { base: 2 * SECOND, cap: 5 * MINUTE, attempts: "for-ever" };
/** Mended by a person (rights, secrets, a repository to create): soon at first, for the rotation that is under way; 12 attempts last about two hours at most. */
const PERSON: Row = { base: 5 * SECOND, cap: 15 * MINUTE, attempts: 12 };
/** Wrong bytes or wrong state of one image: may be a cache that catches up, else it is for ever. */
const DOUBTFUL: Row = { base: 2 * SECOND, cap: 5 * MINUTE, attempts: 8 };
/** A proxy's error page comes and goes with an outage of hours: 60 attempts at 5 minutes are about five. */
const GARBLED: Row = { base: 5 * SECOND, cap: 5 * MINUTE, attempts: 60 };
/** Changes by itself, with the next complete reconciliation. */
const LATER: Row = { base: MINUTE, cap: 15 * MINUTE, attempts: "for-ever" };
/** Will not change by itself. */
const NEVER: Row = { base: 0, cap: 0, attempts: 1 };

/** The retry table. */
const TABLE: Readonly<Record<FailureReason, Row>> = {
  network: AWAY,
  unavailable: AWAY,
  stalled: AWAY,
  "rate-limited": THROTTLED,
  unauthorized: PERSON,
  denied: PERSON,
  "repository-unknown": PERSON,
  "absence-unproven": PERSON,
  "not-found": DOUBTFUL,
  "digest-mismatch": DOUBTFUL,
  "content-missing": DOUBTFUL,
  "upload-lost": DOUBTFUL,
  "source-moved": DOUBTFUL,
  internal: DOUBTFUL,
  // A file or a server of ours: nothing is wrong with the image, and all images of the route wait for the same.
  "trust-unavailable": AWAY,
  "invalid-response": GARBLED,
  "too-large": NEVER,
  "invalid-request": NEVER,
  unsupported: NEVER,
  conflict: NEVER,
  "unsafe-location": NEVER,
  "manifest-refused": NEVER,
  "graph-too-large": NEVER,
  "platform-missing": NEVER,
  "sparse-index-refused": NEVER,
  "deletes-off": LATER,
  "guard-refused": NEVER,
  "approval-needed": NEVER,
  "rival-source": NEVER,
};

/** A worker that was lost says nothing of its delivery (packages/delivery). */
const WORKER_LOST = "worker-lost";
const isReason = (text: string): text is FailureReason => Object.hasOwn(TABLE, text);
/** Whether a reason only says that a side was away, so that the delivery itself is not to blame. Reasons of newer versions are. */
const isWait = (reason: string): boolean =>
  reason === WORKER_LOST || (isReason(reason) && TABLE[reason].attempts === "for-ever");

/**
 * Which attempt a failure is, by its own row of the table. Attempts of an outage do not count for what comes after it: else the first `denied`
 * after a long one would park at once.
 */
export const attemptOf = (given: {
  readonly reason: FailureReason;
  /** Attempts in a row, this one included. */
  readonly attempt: number;
  /** Why the attempt before failed. Undefined: it did not. */
  readonly lastReason?: string | undefined;
}): number => (given.lastReason !== undefined && isWait(given.lastReason) && !isWait(given.reason) ? 1 : given.attempt);

/** Full jitter may say 0: a claim a tenth of a second later costs nothing and keeps a failing delivery out of a hot loop. */
const DELAY_MS_MIN = 100;
/** A registry that asks for more than an hour is asked after an hour: a wrong clock there must not silence us for a year. */
const RETRY_AFTER_MS_MAX = 60 * MINUTE;
/** 2^30 times any base is over every cap; more would only risk infinity. */
const DOUBLINGS_MAX = 30;

/** Whether a reason is retried at all. */
export const isRetryable = (reason: FailureReason): boolean => TABLE[reason].attempts !== 1;

/**
 * When to try again, or that a person has to look. Exponential with full jitter, so that a thousand deliveries that failed together
 * do not come back together; `Retry-After` is a floor that jitter cannot undercut.
 */
export const nextAttempt = (given: {
  readonly reason: FailureReason;
  readonly side: "source" | "target" | "drayage";
  /** The attempt that just failed: 1 is the first. */
  readonly attempt: number;
  readonly retryAfterMs?: number | undefined;
  /** In [0, 1). */
  readonly random: number;
  readonly now: Date;
}): { readonly at: Date } | "park" => {
  const row = TABLE[given.reason];
  if (row.attempts !== "for-ever" && given.attempt >= row.attempts) return "park";
  const cap = typeof row.cap === "number" ? row.cap : row.cap[given.side === "source" ? "source" : "target"];
  const doublings = Math.min(Math.max(given.attempt, 1) - 1, DOUBLINGS_MAX);
  const jittered = given.random * Math.min(cap, row.base * 2 ** doublings);
  const floor = Math.min(given.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
  return { at: new Date(given.now.getTime() + Math.round(Math.max(DELAY_MS_MIN, floor, jittered))) };
};

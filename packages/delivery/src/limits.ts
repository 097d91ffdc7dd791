/**
 * A failed delivery waits for its next attempt. News from its source shorten the wait to this, and not to nothing: a tag
 * that is pushed all the time must not turn the backoff of a broken target into a hammer. 30 s is the shortest cap in the retry table.
 */
export const NEWS_WAIT_MOST_MS = 30_000;

/**
 * Leases of a delivery that may be lost in a row before it has to wait. A worker that dies takes all that it holds with it, and most of it is
 * innocent: a restart or two must cost nothing.
 */
export const LOST_FREE = 2;
/** The wait after the next loss; it doubles with each. One that brings its worker down comes back ever more seldom, and alone. */
export const LOST_WAIT_MS = 5_000;
/** A process that is killed every five minutes still does nearly all of its work, and an innocent delivery waits no longer than that. */
export const LOST_WAIT_MOST_MS = 300_000;

/** One in so many items goes to what waits longest below the highest priority, so that a stream of urgent work never stops the rest for good. */
export const PATIENT_SHARE = 8;

/** Digests remembered as "about to be put" since the last success; the oldest is dropped. Each costs 71 bytes, and an endless row of failures must not grow the row for ever. */
export const INTENDED_MOST = 64;

/** Manifests below one top manifest that are remembered for its referrers: what the copy engine allows in an index, and a bound on what a row may weigh (70 KiB). */
export const MANIFESTS_MOST = 1_000;

/** Rows turned over from "waiting" to "due", or from an expired lease, by one claim. Enough for every worker, small enough to hold no lock for long. */
export const DUE_BATCH_MOST = 1_000;

/** How many more candidates than it needs a claim looks at, so that workers who claim at the same moment do not all want the same rows. */
export const CANDIDATES_PER_CLAIM = 4;

/** Registries in a row that feed each other, as far as they are followed. Longer rings have not been seen; one would only copy once too often. */
export const LINEAGE_MOST = 8;

/** Takes minutes where most images take seconds. */
export const HUGE_BYTES_MIN = 1024 ** 3;

/** Items of one claim. More would hold leases that nobody works on. */
export const CLAIM_MOST = 100;

/** How far back the guard's count is kept: no window in the configuration may look back further. */
export const GUARD_WINDOW_MOST_MS = 31 * 24 * 3_600_000;

/** Rows of one page of a read. */
export const PAGE_MOST = 1_000;

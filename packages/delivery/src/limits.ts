/**
 * A failed delivery waits for its next attempt. News from its source shorten the wait to this, and not to nothing: a tag
 * that is pushed all the time must not turn the backoff of a broken target into a hammer. 30 s is the shortest cap in the retry table.
 */
export const NEWS_WAIT_MOST_MS = 30_000;

/** Digests remembered as "about to be put" since the last success; the oldest is dropped. Each costs 71 bytes, and an endless row of failures must not grow the row for ever. */
export const INTENDED_MOST = 64;

/** Manifests below one top manifest that are remembered for its referrers: what the copy engine allows in an index, and a bound on what a row may weigh (70 KiB). */
export const MANIFESTS_MOST = 1_000;

/** Rows turned over from "waiting" to "due", or from an expired lease, by one claim. Enough for every worker, small enough to hold no lock for long. */
export const DUE_BATCH_MOST = 1_000;

/** How many more candidates than it needs a claim looks at, so that workers who claim at the same moment do not all want the same rows. */
export const CANDIDATES_PER_CLAIM = 4;

/** Items of one claim. More would hold leases that nobody works on. */
export const CLAIM_MOST = 100;

/** How far back the guard's count is kept: no window in the configuration may look back further. */
export const GUARD_WINDOW_MOST_MS = 31 * 24 * 3_600_000;

/** Rows of one page of a read. */
export const PAGE_MOST = 1_000;

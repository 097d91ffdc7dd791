/**
 * Work items of one target that are handed out and that no replicator has taken yet. Enough to keep a hundred copies of a second each going, few enough that
 * priorities and coalescing still decide about the rest.
 */
export const QUEUED_MOST = 32;

/** How long a work item may lie there before it is handed out anew under a new generation: the shortest time for which Pub/Sub keeps messages. */
export const QUEUE_LEASE_MS = 600_000;

/** How long a question waits for its answer. A healthy Pub/Sub answers within 0.3 s; a worker asks again, and within its lease. */
export const ANSWER_MOST_MS = 10_000;

/** The longest lease that is granted. A replicator asks for two minutes. */
export const LEASE_MOST_MS = 3_600_000;

/** Messages of one pull from the inbox, and how many of them are worked on at once: each is one short transaction. */
export const INBOX_MOST = 64;
export const INBOX_CONCURRENCY = 8;

/** Answers kept to be given again, so that a question that comes twice counts once. A worker asks for the same thing for two minutes at most. */
export const ANSWERED_MOST = 10_000;

/** Items taken and not begun: the target went away in between. They go back, so that another replicator may have them. */
export const READY_MOST_MS = 30_000;

/** Siblings in one answer: about 2 MB, of the 10 MB of a message. A tag that is not among them counts as a stranger's, and then nothing is deleted. */
export const SIBLINGS_MOST = 5_000;

/** How long a side stays quiet when Pub/Sub or the database cannot be reached. */
export const AGAIN_MS = 1_000;

/** How often what is due is looked for without being woken, and what lies too long is handed back. */
export const LOOK_MS = 1_000;

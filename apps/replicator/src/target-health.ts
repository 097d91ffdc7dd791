/** What one attempt told about the target as such. `Unknown`: it was not asked, or the source failed first. */
export type TargetSign =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Away"; readonly retryAfterMs?: number | undefined }
  | { readonly _tag: "Unknown" };

/** First wait after a target stopped answering. */
const FIRST_WAIT_MS = 500;
/** Longest wait between two probes: how late we may notice that it is back. */
const LONGEST_WAIT_MS = 10_000;
/** A `Retry-After` is honoured up to here: one probe in five minutes harms nobody, and a wrong clock there must not silence us for a year. */
const RETRY_AFTER_MS_MAX = 300_000;
/** One delivery that fails may be an image that the registry chokes on; two different ones with no answer between them are an outage. */
const WITNESSES = 2;

/**
 * How long a delivery rests that was the probe, in waits between two probes and at most: so long that the next two probes are other ones, since the
 * waits double. After a short outage it rests shortly, because it is the last to come.
 */
const REST_WAITS = 4;
const REST_MS_MAX = 2 * LONGEST_WAIT_MS;

/**
 * Whether a target answers at all. While it does not, one delivery at a time probes it, each time another one, so that an image that
 * the registry chokes on cannot pass for an outage; the backlog stays untouched and goes at once when a probe succeeds (invariant 7).
 */
export class TargetHealth {
  readonly #failing = new Set<string>();
  #waits = 0;
  #wait = FIRST_WAIT_MS;
  #probeAt = 0;

  get down(): boolean {
    return this.#failing.size >= WITNESSES;
  }
  /** When the next probe may start, in milliseconds since the epoch; 0 while the target is up. */
  get probeAt(): number {
    return this.down ? this.#probeAt : 0;
  }
  /** How long the probe that just failed rests. */
  get restMs(): number {
    return Math.min(REST_MS_MAX, REST_WAITS * this.#wait);
  }
  /** `random` in [0, 1): jitter, so that many replicators do not probe in step. */
  heard(sign: TargetSign, delivery: string, now: number, random: number): void {
    if (sign._tag === "Answered") {
      this.#failing.clear();
      this.#waits = 0;
      this.#wait = FIRST_WAIT_MS;
      this.#probeAt = 0;
    }
    if (sign._tag !== "Away") return;
    if (!this.down) this.#failing.add(delivery);
    // What began before the wait and fails during it tells nothing new.
    if (!this.down || now < this.#probeAt) return;
    this.#wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#waits);
    const asked = Math.min(sign.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
    this.#waits += 1;
    this.#probeAt = now + Math.max(this.#wait * (0.5 + random / 2), asked);
  }
}

import { isOutage, type RawFailure } from "./failure.ts";

/** First wait after a target stopped answering. */
const FIRST_WAIT_MS = 500;
/** Longest wait between two probes: how late we may notice that it is back. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Whether a target answers at all. While it does not, one delivery at a time probes it, each time another one, so that an image that
 * the registry chokes on cannot pass for an outage; the backlog stays untouched and goes at once when a probe succeeds (invariant 7).
 */
export class TargetHealth {
  #failures = 0;
  #probeAt = 0;

  get down(): boolean {
    return this.#failures > 0;
  }
  /** Milliseconds until the next probe may start; 0 when there is nothing to wait for. */
  waitMs(now: number): number {
    return this.down ? Math.max(0, this.#probeAt - now) : 0;
  }
  /** `random` in [0, 1): jitter, so that many replicators do not probe in step. */
  failed(failure: RawFailure, now: number, random: number): void {
    if (failure.side !== "target" || !isOutage(failure)) return;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#probeAt = now + Math.max(wait * (0.5 + random / 2), failure.retryAfterMs ?? 0);
  }
  answered(): void {
    this.#failures = 0;
    this.#probeAt = 0;
  }
}

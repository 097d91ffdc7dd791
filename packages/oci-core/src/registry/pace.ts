/** A pause that a registry asks for holds all of its requests back, but never longer than this: then one try tells more. */
export const PAUSE_MS_MAX = 60_000;
/** Never slower than this, however often a registry throttles: else a target would stand still on its own memory. */
const RATE_MIN = 1;
/** Requests that may start at once after a quiet time, as seconds of the rate. */
const BURST_SECONDS = 1;
/** Answers that were under way when the first 429 came count as the same throttling. */
const SAME_THROTTLING_MS = 1000;
/** Part of the ceiling that comes back each second without a 429. */
const GROWTH_PER_SECOND = 0.05;

/**
 * How fast requests to one registry may start: a token bucket, kept as the time at which the next request is due. Learns from 429:
 * the rate is halved, and grows back second by second (additive increase, multiplicative decrease). Without a
 * configured rate there is no bucket until the first 429, whose own speed becomes the ceiling. Plain arithmetic, no clock.
 */
export class Pace {
  readonly #configured: number | undefined;
  #ceiling: number | undefined;
  #rate: number | undefined;
  #due = 0;
  #pausedUntil = 0;
  #lastThrottled = Number.NEGATIVE_INFINITY;
  #lastGrowth = 0;
  #second = 0;
  #started = 0;
  #startedBefore = 0;

  constructor(requestsPerSecond: number | undefined) {
    this.#configured = requestsPerSecond;
    this.#ceiling = requestsPerSecond;
    this.#rate = requestsPerSecond;
  }

  /** Requests a second at the moment; `undefined` without a limit. */
  get rate(): number | undefined {
    return this.#rate;
  }

  /** Takes the next place: milliseconds from `now` (any clock, in milliseconds) until the request may start. */
  reserve(now: number): number {
    this.#count(now);
    this.#grow(now);
    const pause = Math.max(0, this.#pausedUntil - now);
    if (this.#rate === undefined) return pause;
    const interval = 1000 / this.#rate;
    const start = Math.max(this.#due, now - Math.max(0, BURST_SECONDS * 1000 - interval));
    this.#due = start + interval;
    return Math.max(pause, start - now);
  }

  /** What is left of a pause that began after `reserve`. */
  pause(now: number): number {
    return Math.max(0, this.#pausedUntil - now);
  }

  /** The registry answered 429. */
  throttled(now: number, retryAfterMs: number | undefined): void {
    if (retryAfterMs !== undefined)
      this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.min(retryAfterMs, PAUSE_MS_MAX));
    if (now - this.#lastThrottled < SAME_THROTTLING_MS) return;
    this.#lastThrottled = now;
    this.#lastGrowth = now;
    const observed = Math.max(this.#started, this.#startedBefore, RATE_MIN);
    this.#ceiling ??= observed;
    this.#rate = Math.max(Math.min(RATE_MIN, this.#configured ?? RATE_MIN), (this.#rate ?? observed) / 2);
  }

  #count(now: number): void {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#startedBefore = second === this.#second + 1 ? this.#started : 0;
      this.#started = 0;
      this.#second = second;
    }
    this.#started++;
  }

  #grow(now: number): void {
    if (this.#rate === undefined || this.#ceiling === undefined || this.#rate === this.#configured) return;
    const seconds = Math.floor((now - this.#lastGrowth) / 1000);
    if (seconds <= 0) return;
    this.#lastGrowth += seconds * 1000;
    this.#rate += seconds * Math.max(RATE_MIN, this.#ceiling * GROWTH_PER_SECOND);
    if (this.#configured !== undefined) this.#rate = Math.min(this.#rate, this.#configured);
    // A learnt limit is given up once twice the speed that was throttled went well.
    else if (this.#rate > 2 * this.#ceiling) this.#rate = this.#ceiling = undefined;
  }
}

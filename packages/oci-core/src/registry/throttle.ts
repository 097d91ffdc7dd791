import type { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import { borrow, LendingStream } from "./transport/lending.ts";

/** Bytes that may pass at once after a quiet time, as seconds of the rate: short enough that a line is not filled, long enough that timers keep up. */
const BURST_SECONDS = 0.1;

/** Bytes a second of one registry, in both directions together. Plain arithmetic: the time at which the next byte is due. */
export class Throttle {
  readonly #bytesPerSecond: number;
  #due = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = Math.max(1, bytesPerSecond);
  }

  /** Counts bytes as passed at `now` (any clock, ms); the answer is how long whoever passed them waits before the next, ms. */
  pass(bytes: number, now: number): number {
    const start = Math.max(this.#due, now - BURST_SECONDS * 1000);
    this.#due = start + (bytes / this.#bytesPerSecond) * 1000;
    return Math.max(0, this.#due - now);
  }

  /** Calls `done` when the bytes may be counted as passed: the reader gets its memory back no faster than the rate. */
  after(bytes: number, done: () => void): void {
    const ms = this.pass(bytes, performance.now());
    if (ms < 1) done();
    else setTimeout(done, ms);
  }

  /** Waits until the bytes may pass. */
  wait(bytes: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const ms = this.pass(bytes, performance.now());
      return ms < 1 ? Effect.void : Effect.sleep(ms);
    });
  }
}

/** The same bytes, at the rate of `throttle`. */
export class ThrottledStream extends LendingStream {
  readonly #from: Readable;
  readonly #throttle: Throttle;

  constructor(from: Readable, throttle: Throttle) {
    super();
    this.#from = from;
    this.#throttle = throttle;
    this.on("error", () => undefined);
    from.on("error", (error) => this.destroy(error));
  }

  protected override begin(): void {
    borrow(this.#from, {
      piece: (piece, done) => this.give(piece, () => this.#throttle.after(piece.byteLength, done)),
      end: () => this.finish(),
      fail: (error) => this.destroy(error),
    });
  }

  protected override abandon(error: Error | null): void {
    this.#from.destroy(error ?? undefined);
  }
}

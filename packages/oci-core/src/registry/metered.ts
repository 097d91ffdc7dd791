import type { Readable } from "node:stream";
import { causeFailure, failure, type Place } from "./failure.ts";
import { borrow, LendingStream } from "./transport/lending.ts";

/**
 * Exactly the wanted part of an answer's body: skips what was not asked for, and errors rather than ends when it is longer or
 * shorter than it must be. What a registry sent is not yet verified.
 */
export class MeteredStream extends LendingStream {
  readonly #from: Readable;
  readonly #place: Place;
  readonly #size: number;
  #skip: number;
  #passed = 0;

  constructor(from: Readable, place: Place, size: number, skip: number) {
    super();
    this.#from = from;
    this.#place = place;
    this.#size = size;
    this.#skip = skip;
    // An error that comes before somebody reads waits in `errored` instead of ending the process.
    this.on("error", () => undefined);
    from.on("error", (error) => this.destroy(causeFailure(place, error)));
  }

  /** Bytes given out so far, skipped ones not counted. */
  get passed(): number {
    return this.#passed;
  }

  protected override begin(): void {
    borrow(this.#from, {
      piece: (piece, done) => this.#take(piece, done),
      end: () => this.#end(),
      fail: (error) => this.destroy(causeFailure(this.#place, error)),
    });
  }

  protected override abandon(): void {
    this.#from.destroy();
  }

  #take(piece: Buffer, done: () => void): void {
    const skipped = Math.min(this.#skip, piece.byteLength);
    this.#skip -= skipped;
    const rest = skipped === 0 ? piece : piece.subarray(skipped);
    this.#passed += rest.byteLength;
    if (this.#passed > this.#size) {
      done();
      this.destroy(failure(this.#place, "digest-mismatch", `the blob is longer than the promised ${this.#size} bytes`));
    } else if (rest.byteLength === 0) done();
    else this.give(rest, done);
  }

  #end(): void {
    if (this.#passed === this.#size) this.finish();
    else this.destroy(failure(this.#place, "network", `the body ended after ${this.#passed} of ${this.#size} bytes`));
  }
}

import { Transform, type TransformCallback } from "node:stream";
import { failure, type Place } from "./failure.ts";

const BUFFER_BYTES = 256 * 1024;

/**
 * Exactly the wanted part of an answer's body: skips what was not asked for, and errors rather than ends when it is longer or
 * shorter than it must be. What a registry sent is not yet verified: that is `verified`.
 */
export class MeteredStream extends Transform {
  readonly #place: Place;
  readonly #size: number;
  #skip: number;
  #passed = 0;

  constructor(place: Place, size: number, skip: number) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#place = place;
    this.#size = size;
    this.#skip = skip;
  }

  /** Bytes given out so far, skipped ones not counted. */
  get passed(): number {
    return this.#passed;
  }

  override _transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    const skipped = Math.min(this.#skip, chunk.byteLength);
    this.#skip -= skipped;
    const rest = skipped === 0 ? chunk : chunk.subarray(skipped);
    this.#passed += rest.byteLength;
    if (this.#passed <= this.#size) done(null, rest.byteLength === 0 ? undefined : rest);
    else done(failure(this.#place, "digest-mismatch", `the blob is longer than the promised ${this.#size} bytes`));
  }

  override _flush(done: TransformCallback): void {
    const short = this.#passed < this.#size;
    done(short ? failure(this.#place, "network", `the body ended after ${this.#passed} of ${this.#size} bytes`) : null);
  }
}

import type { Hash } from "node:crypto";
import { type Readable, Transform, type TransformCallback } from "node:stream";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, finishDigest, hashFor } from "../model/digest.ts";
import type { RegistryError } from "./errors.ts";
import { failure, type Place } from "./failure.ts";

/** Two or three chunks of the socket: enough to keep both sides busy, little enough for a thousand streams. */
const BUFFER_BYTES = 256 * 1024;

/**
 * Lets bytes pass only as long as they can still be what a descriptor promises. The last piece is held back until size and
 * digest are proven, so whoever sends the output with a Content-Length can never complete a wrong blob.
 */
export class VerifiedStream extends Transform {
  readonly #descriptor: Pick<Descriptor, "digest" | "size">;
  readonly #place: Place;
  readonly #hash: Hash;
  #seen = 0;
  #held: Uint8Array | undefined;

  constructor(descriptor: Pick<Descriptor, "digest" | "size">, place: Place) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#descriptor = descriptor;
    this.#place = place;
    this.#hash = hashFor(descriptor.digest);
  }

  /** Bytes taken in and hashed so far; what a watch over progress looks at. */
  get seen(): number {
    return this.#seen;
  }

  override _transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#seen += chunk.byteLength;
    const { size } = this.#descriptor;
    if (this.#seen > size) {
      done(this.#mismatch(`more than the promised ${size} bytes came`));
    } else {
      this.#hash.update(chunk);
      const ready = this.#held;
      this.#held = chunk;
      done(null, ready);
    }
  }

  override _flush(done: TransformCallback): void {
    const fault = this.#fault();
    if (fault === undefined) done(null, this.#held);
    else done(this.#mismatch(fault));
  }

  #fault(): string | undefined {
    const { digest, size } = this.#descriptor;
    if (this.#seen !== size) return `${this.#seen} of the promised ${size} bytes came`;
    const found = finishDigest(digestAlgorithm(digest), this.#hash);
    return found === digest ? undefined : `the bytes have the digest ${found}`;
  }

  #mismatch(detail: string): RegistryError {
    return failure(this.#place, "digest-mismatch", detail);
  }
}

/**
 * `stream` with its bytes checked against `descriptor` as they pass; errors with a `RegistryError` `digest-mismatch` instead of ending on
 * wrong, missing or surplus bytes. An error of `stream` is passed on, and destroying the result destroys `stream`.
 * `where` is what the error says of the place; by default the digest alone.
 */
export const verified = (
  descriptor: Pick<Descriptor, "digest" | "size">,
  stream: Readable,
  where: Partial<Place> = {},
): VerifiedStream => {
  const place: Place = { registry: "blob", operation: "verify blob", reference: descriptor.digest, ...where };
  const out = new VerifiedStream(descriptor, place);
  connect(stream, out, (error) => error);
  return out;
};

/**
 * Pipes with errors and destruction passed on in both directions, which `pipe` alone does not do. An error that comes before
 * somebody reads `to` waits in `to.errored` instead of ending the process.
 */
export const connect = (from: Readable, to: Transform, mapError: (error: Error) => Error): void => {
  from.on("error", (error) => to.destroy(mapError(error)));
  from.on("close", () => {
    // Closed without end or error: whoever held it destroyed it.
    if (!from.readableEnded && !to.destroyed) to.destroy(mapError(new Error("the stream was closed before its end")));
  });
  to.on("error", () => undefined);
  to.on("close", () => {
    if (!from.readableEnded) from.destroy();
  });
  from.pipe(to);
};

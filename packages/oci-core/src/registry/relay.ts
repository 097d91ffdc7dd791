import type { Hash } from "node:crypto";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, finishDigest, hashFor } from "../model/digest.ts";
import { failure, type Place } from "./failure.ts";
import { LendingStream } from "./transport/lending.ts";

/**
 * The way of a blob from a read to an upload. Lets bytes pass only as long as they can still be what the descriptor promises, and the last of
 * them only once size and digest are proven: whoever sends them with a Content-Length can never complete a wrong blob. A read that
 * broke may be gone on with by another. Pieces are lent on, not copied.
 */
export class RelayStream extends LendingStream {
  readonly #blob: Pick<Descriptor, "digest" | "size">;
  readonly #place: Place;
  readonly #hash: Hash;
  #seen = 0;
  #isWhole = false;

  constructor(blob: Pick<Descriptor, "digest" | "size">, place: Place) {
    super();
    this.#blob = blob;
    this.#place = place;
    this.#hash = hashFor(blob.digest);
    this.on("error", () => undefined);
  }

  /** Bytes taken in so far; what a watch over progress looks at. */
  get seen(): number {
    return this.#seen;
  }

  /** Whether all bytes have passed, and were the right ones. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The next piece, to be given back through `done`. Destroys the stream with `digest-mismatch` when it cannot be right. */
  accept(piece: Buffer, done: () => void): void {
    const { size, digest } = this.#blob;
    this.#seen += piece.byteLength;
    const fault =
      this.#seen > size ? `more than the promised ${size} bytes came` : this.#faultAfter(piece, digest, size);
    if (fault === undefined) this.give(piece, done);
    else {
      done();
      this.#mismatch(fault);
    }
  }

  /** No more comes. */
  end(): void {
    if (this.destroyed) return;
    const { size, digest } = this.#blob;
    const short = this.#seen === size ? undefined : `${this.#seen} of the promised ${size} bytes came`;
    const fault = short ?? (size === 0 ? this.#faultAfter(Buffer.alloc(0), digest, 0) : undefined);
    if (fault === undefined) {
      this.#isWhole = true;
      this.finish();
    } else this.#mismatch(fault);
  }

  #faultAfter(piece: Buffer, digest: Descriptor["digest"], size: number): string | undefined {
    this.#hash.update(piece);
    if (this.#seen < size) return undefined;
    const found = finishDigest(digestAlgorithm(digest), this.#hash);
    return found === digest ? undefined : `the bytes have the digest ${found}`;
  }

  #mismatch(detail: string): void {
    this.destroy(failure(this.#place, "digest-mismatch", detail));
  }

  protected override begin(): void {}
  protected override abandon(): void {}
}

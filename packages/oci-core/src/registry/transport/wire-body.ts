import type { Connection } from "./connection.ts";
import { LendingStream } from "./lending.ts";

/** What is read of an unwanted body to keep its connection; a new connection is cheaper than more. */
const DUMP_BYTES_MAX = 64 * 1024;

/** The body of an answer, lent by its connection. */
export class WireBody extends LendingStream {
  readonly #connection: Connection;
  readonly #length: number | undefined;
  #isWhole = false;

  /** `length`: bytes, where the answer says so. */
  constructor(connection: Connection, length: number | undefined) {
    super();
    this.#connection = connection;
    this.#length = length;
    // A connection that breaks while nobody reads yet is no reason to end the process.
    this.on("error", () => undefined);
  }

  // What the connection calls.
  piece(piece: Buffer, done: () => void): void {
    this.give(piece, done);
  }
  whole(): void {
    this.#isWhole = true;
    this.finish();
  }
  broke(error: Error): void {
    this.destroy(error);
  }

  /** Gives the connection back, or closes it if much is left. Safe to call after the body was read. */
  release(): void {
    if (this.destroyed || this.readableDidRead || this.isBorrowed) return;
    if (!this.#isWhole && (this.#length ?? Number.POSITIVE_INFINITY) > DUMP_BYTES_MAX) this.destroy();
    else this.lend({ piece: (_piece, done) => done(), end: () => undefined, fail: () => undefined });
  }

  protected override begin(): void {
    this.#connection.want();
  }
  protected override abandon(): void {
    this.#connection.drop();
  }
}

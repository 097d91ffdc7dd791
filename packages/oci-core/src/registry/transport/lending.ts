import { Readable } from "node:stream";

/** Bytes in a stream that copies them, before it asks for no more. */
const BUFFER_BYTES = 256 * 1024;
/** Bytes that a plain stream may have given and not got back, before it is paused. */
const OWNED_BYTES_MAX = 256 * 1024;

/** Who takes the pieces of a body. Exactly one of `end` and `fail` is called, and nothing after it. */
export interface Borrower {
  /** The piece may be used until `done` is called, which must happen once, in order. It asks for more at the same time. */
  readonly piece: (piece: Buffer, done: () => void) => void;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

const nothing = (): void => {};

/**
 * A stream that lends its memory instead of giving it away: a layer passes from one socket to another through a few static buffers. Read as
 * any other `Readable` it gives copies. It begins when it is first read or lent, never before.
 */
export abstract class LendingStream extends Readable {
  #borrower: Borrower | undefined;
  #waiting: (() => void) | undefined;
  #held: Array<{ readonly piece: Buffer; readonly done: () => void }> = [];
  #ended = false;
  #isRead = false;

  constructor() {
    super({ highWaterMark: BUFFER_BYTES });
  }

  /** Whether somebody takes the pieces. */
  get isBorrowed(): boolean {
    return this.#borrower !== undefined;
  }

  /** Called once, when somebody wants the bytes. */
  protected abstract begin(): void;
  /** Called once, when nobody wants more of them; `error` is why. */
  protected abstract abandon(error: Error | null): void;

  /** Gives all pieces to `borrower`; instead of reading it, and before anybody does. Ends the stream: it closes without `end`. */
  lend(borrower: Borrower): void {
    if (this.#borrower !== undefined) throw new Error("a body is read once");
    this.#borrower = borrower;
    if (this.destroyed) {
      borrower.fail(this.errored ?? new Error("the body was closed before it was read"));
      return;
    }
    for (const { piece, done } of this.#held.splice(0)) borrower.piece(piece, done);
    if (this.#ended) this.#finish(borrower);
    else this.begin();
  }

  override _read(): void {
    if (this.#borrower === undefined) {
      this.#isRead = true;
      this.lend(this.#copies());
    }
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    for (const { done } of this.#held.splice(0)) done();
    this.#waiting?.();
    this.#waiting = undefined;
    if (!this.#ended) {
      this.#ended = true;
      this.abandon(error);
      this.#borrower?.fail(error ?? new Error("the body was closed before its end"));
    }
    callback(error);
  }

  /** For those who make the bytes. A piece that comes after the end is given back at once. */
  protected give(piece: Buffer, done: () => void): void {
    if (this.#ended) done();
    else if (this.#borrower === undefined) this.#held.push({ piece, done });
    else this.#borrower.piece(piece, done);
  }

  protected finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#borrower !== undefined) this.#finish(this.#borrower);
  }

  #finish(borrower: Borrower): void {
    borrower.end();
    if (!this.#isRead) this.destroy();
  }

  /** The borrower of a stream that is simply read. */
  #copies(): Borrower {
    return {
      piece: (piece, done) => {
        this.#waiting = done;
        if (!this.push(Buffer.from(piece))) return;
        this.#waiting = undefined;
        done();
      },
      end: () => void this.push(null),
      fail: nothing,
    };
  }
}

/** Borrows from any stream: one that lends, or one whose pieces are ours anyway. */
export const borrow = (from: Readable, borrower: Borrower): void => {
  if (from instanceof LendingStream) {
    from.lend(borrower);
    return;
  }
  let out = 0;
  let ended = false;
  const fail = (error: Error): void => {
    if (ended) return;
    ended = true;
    borrower.fail(error);
  };
  from.on("error", fail);
  from.on("close", () => fail(from.errored ?? new Error("the connection was closed before the end")));
  if (from.destroyed) {
    fail(from.errored ?? new Error("the body was closed before it was read"));
    return;
  }
  from.on("end", () => {
    if (ended) return;
    ended = true;
    borrower.end();
  });
  from.on("data", (piece: Buffer) => {
    if (ended) return;
    out += piece.byteLength;
    if (out > OWNED_BYTES_MAX) from.pause();
    borrower.piece(piece, () => {
      out -= piece.byteLength;
      if (out <= OWNED_BYTES_MAX) from.resume();
    });
  });
};

import type { Readable } from "node:stream";
import { borrow } from "./transport/lending.ts";

/** A body went over the limit that its reader set. */
export class BodyTooLarge extends Error {
  readonly limit: number;
  constructor(limit: number) {
    super(`the body is larger than ${limit} bytes`);
    this.limit = limit;
  }
}

/** The whole body, if it is at most `limit` bytes; else the stream is destroyed and `BodyTooLarge` is thrown. */
export const readBody = async (body: Readable, limit: number): Promise<Uint8Array> => {
  const { bytes, whole } = await readUpTo(body, limit);
  if (!whole) throw new BodyTooLarge(limit);
  return bytes;
};

/** At most `limit` bytes of a body, for messages of errors; a stream that has more is destroyed. */
export const readUpTo = (body: Readable, limit: number): Promise<{ bytes: Uint8Array; whole: boolean }> =>
  new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    borrow(body, {
      piece: (piece, done) => {
        // Lent, so copied.
        pieces.push(Buffer.from(piece));
        size += piece.byteLength;
        done();
        if (size <= limit) return;
        resolve({ bytes: Buffer.concat(pieces, limit), whole: false });
        body.destroy();
      },
      end: () => {
        const [only] = pieces;
        resolve({ bytes: pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, size), whole: true });
      },
      fail: reject,
    });
  });

import { createCipheriv, createHash } from "node:crypto";

/** Numbers in [0, 1) from a seed: the same everywhere, for ever. Source: mulberry32, public domain. */
export const seededNumbers = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** Bytes of one call of the cipher: small enough to stay in the cache. */
const PIECE_BYTES = 64 * 1024;

/**
 * `size` bytes from a seed, piece by piece and never all at once. They cannot be compressed (AES in counter mode over
 * zeros), so that no transport makes a test look faster than it is.
 */
export function* seededBytes(seed: string, size: number): Generator<Uint8Array> {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  const zeros = Buffer.alloc(Math.min(PIECE_BYTES, size));
  for (let left = size; left > 0; ) {
    const piece = cipher.update(left < zeros.byteLength ? zeros.subarray(0, left) : zeros);
    left -= piece.byteLength;
    yield piece;
  }
}

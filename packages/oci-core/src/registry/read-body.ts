import type { Readable } from "node:stream";

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

/** At most `limit` bytes of a body, for messages of errors. */
export const readUpTo = async (body: Readable, limit: number): Promise<{ bytes: Uint8Array; whole: boolean }> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > limit) return { bytes: Buffer.concat(chunks, limit), whole: false }; // leaving the loop destroys the stream
  }
  const [only] = chunks;
  return { bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size), whole: true };
};

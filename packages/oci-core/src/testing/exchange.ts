import type { IncomingHttpHeaders } from "node:http";

/** One request, as handlers see it. */
export interface Exchange {
  /** Unique in the life of the registry; all notifications of one request carry it. */
  readonly id: string;
  readonly method: string;
  /** Path and query on the host that the client named. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** The body as it comes. Ends with an error when the client breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
  /** `address:port` of the client. */
  readonly remote: string;
  /** The path had one of the prefixes of `relocate`, which `url` has no more. */
  readonly relocated?: boolean | undefined;
  /** Name of the authenticated user. */
  readonly user?: string | undefined;
}

/** The whole body, or `undefined` when it is longer than `max` bytes. */
export const readBody = async (exchange: Exchange, max: number): Promise<Uint8Array | undefined> => {
  const pieces: Array<Uint8Array> = [];
  let size = 0;
  for await (const piece of exchange.body) {
    size += piece.byteLength;
    if (size > max) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
};

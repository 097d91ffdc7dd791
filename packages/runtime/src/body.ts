import type { IncomingMessage } from "node:http";

/** What came of reading a request body. */
export type Body =
  | { readonly _tag: "Body"; readonly bytes: Uint8Array }
  | { readonly _tag: "TooLarge"; readonly limit: number }
  /** Not all of it came within the time. */
  | { readonly _tag: "TooSlow"; readonly timeoutMs: number }
  /** The sender hung up. */
  | { readonly _tag: "Aborted" };

export interface BodyLimits {
  /** Most bytes that are accepted. */
  readonly bytesMax: number;
  /** For the whole body, default 10 s: a sender of notifications has the whole body in memory. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 10_000;
/**
 * How much of a body that is too large is read and thrown away before the answer. Answering while the sender is still writing ends in a
 * reset connection, and the sender never sees the 413. What is larger than this gets the reset.
 */
const DISCARD_MAX = 32 * 1024 * 1024;

/**
 * Reads a request body as raw bytes (signatures are over raw bytes), bounded in size and time. Never rejects. After anything but `Body`
 * the connection is of no more use: answer with `Connection: close`.
 */
export const readBody = (request: IncomingMessage, limits: BodyLimits): Promise<Body> => {
  const timeoutMs = limits.timeoutMs ?? TIMEOUT_MS;
  return new Promise((resolve) => {
    const pieces: Array<Uint8Array> = [];
    let length = 0;
    let over = false;
    // The listeners stay: to take them off costs more than to let them do nothing, and they go with the request.
    const done = (body: Body): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      resolve(body);
    };
    const onData = (piece: Uint8Array): void => {
      if (over) return;
      length += piece.byteLength;
      if (length <= limits.bytesMax) pieces.push(piece);
      else {
        pieces.length = 0;
        if (length > limits.bytesMax + DISCARD_MAX) onEnd();
      }
    };
    const onEnd = (): void =>
      done(
        length > limits.bytesMax
          ? { _tag: "TooLarge", limit: limits.bytesMax }
          : { _tag: "Body", bytes: together(pieces, length) },
      );
    const onClose = (): void => done({ _tag: "Aborted" });
    const timer = setTimeout(() => done({ _tag: "TooSlow", timeoutMs }), timeoutMs);
    // The declared length alone is enough to refuse a body that could never be discarded in time.
    if (Number(request.headers["content-length"] ?? 0) > limits.bytesMax + DISCARD_MAX) {
      done({ _tag: "TooLarge", limit: limits.bytesMax });
      return;
    }
    request.on("error", ignoreReset);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    if (request.destroyed) onClose();
  });
};

/** Most bodies come in one piece, which belongs to nobody else. */
const together = (pieces: ReadonlyArray<Uint8Array>, length: number): Uint8Array =>
  pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length);

/** `close` follows every error and says all there is to say; without a listener the reset of a connection would end the process. */
const ignoreReset = (): void => {};

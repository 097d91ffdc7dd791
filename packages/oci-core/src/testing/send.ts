import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, AnswerBody } from "./answer.ts";
import type { Delivery } from "./apply-fault.ts";

/** Bytes of the body. */
export const sizeOf = (body: AnswerBody | undefined): number =>
  body instanceof Uint8Array ? body.byteLength : (body?.size ?? 0);

/** Sends an answer; resolves when it is out or when the client has gone. `sent` hears of every piece. */
export const send = async (
  response: ServerResponse,
  head: boolean,
  answer: Answer,
  delivery: Delivery,
  sent: (bytes: number) => void,
): Promise<void> => {
  const { status, headers, body = new Uint8Array(0) } = answer;
  if (delivery.delayMs !== undefined) await untilClosed(response, sleep(delivery.delayMs));
  if (response.destroyed) return;
  const size = sizeOf(body);
  const bodiless = status === 204 || status === 304;
  response.writeHead(status, { ...headers, ...(bodiless ? {} : { "Content-Length": size }) });
  if (head || bodiless || size === 0) {
    response.end();
    return;
  }
  try {
    if (Object.values(delivery).some((value) => value !== undefined))
      return await sendShaped(response, body, delivery, sent);
    if (body instanceof Uint8Array) {
      sent(body.byteLength);
      response.end(body);
      return;
    }
    const stream = body.open();
    stream.on("data", (piece: Uint8Array) => sent(piece.byteLength));
    await pipeline(stream, response);
  } catch {
    // A client that hangs up while it is answered is no news; the connection is of no use any more.
    response.destroy();
  }
};

/** Slowly, with a wrong byte, or not to the end: piece by piece, so that what was let through is really sent. */
const sendShaped = async (
  response: ServerResponse,
  body: AnswerBody,
  delivery: Delivery,
  sent: (bytes: number) => void,
): Promise<void> => {
  const { bytesPerSecond, endAfter, flipAt } = delivery;
  const source = body instanceof Uint8Array ? Readable.from([body], { objectMode: false }) : body.open();
  response.flushHeaders();
  let offset = 0;
  for await (const whole of source) {
    for (let piece of cut(whole, bytesPerSecond)) {
      if (endAfter !== undefined && offset + piece.byteLength >= endAfter.bytes)
        piece = piece.subarray(0, endAfter.bytes - offset);
      if (flipAt !== undefined && flipAt >= offset && flipAt < offset + piece.byteLength)
        piece = flipped(piece, flipAt - offset);
      await write(response, piece);
      sent(piece.byteLength);
      offset += piece.byteLength;
      if (endAfter !== undefined && offset >= endAfter.bytes) {
        if (endAfter.how === "silence") await untilClosed(response, new Promise(() => undefined));
        response.destroy();
        return;
      }
      if (bytesPerSecond !== undefined) await untilClosed(response, sleep((piece.byteLength / bytesPerSecond) * 1000));
    }
    if (response.destroyed) return;
  }
  response.end();
};

/** A slow body goes out in twenty pieces a second: slow, not in bursts. */
const PIECES_PER_SECOND = 20;

function* cut(whole: Uint8Array, bytesPerSecond: number | undefined): Generator<Uint8Array> {
  const most =
    bytesPerSecond === undefined ? whole.byteLength : Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND));
  for (let start = 0; start < whole.byteLength; start += most) yield whole.subarray(start, start + most);
}

const flipped = (piece: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(piece);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

const write = (response: ServerResponse, piece: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    if (piece.byteLength === 0) return resolve();
    response.write(piece, (error) => (error ? reject(error) : resolve()));
  });

/** Waits for `what`, but not longer than the connection lives. */
export const untilClosed = async (response: ServerResponse, what: Promise<unknown>): Promise<void> => {
  if (response.destroyed) return;
  let done: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => {
    done = resolve;
    response.once("close", resolve);
  });
  await Promise.race([what, closed]);
  if (done !== undefined) response.off("close", done);
};

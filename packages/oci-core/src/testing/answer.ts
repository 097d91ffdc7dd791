import type { Readable } from "node:stream";

/** A body of known length: bytes, or something that is opened only when it is really sent (never for HEAD). */
export type AnswerBody = Uint8Array | { readonly size: number; readonly open: () => Readable };

/** What a handler decided to say. A value, so that a fault can change it before it is sent. */
export interface Answer {
  readonly status: number;
  /** Names in any case; `content-length` is added from the body. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: AnswerBody | undefined;
}

const encoder = new TextEncoder();

/** An answer without body. */
export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers,
  body: new Uint8Array(0),
});

/** A JSON answer. */
export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
  body: encoder.encode(JSON.stringify(value)),
});

/** A text answer. */
export const text = (status: number, body: string, contentType = "text/plain; charset=utf-8"): Answer => ({
  status,
  headers: { "Content-Type": contentType },
  body: encoder.encode(body),
});

/** An error of the distribution specification. `detail` is any JSON; left out where there is none, as docker-registry does. */
export const refusal = (
  status: number,
  code: string,
  message: string,
  detail?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer => json(status, { errors: [{ code, message, detail }] }, headers);

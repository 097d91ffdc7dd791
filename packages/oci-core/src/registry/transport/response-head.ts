import { TransportError } from "./errors.ts";

/** The head of an answer is read up to this: tokens and cookies of proxies included, the largest seen are below 16 KiB. */
export const HEAD_BYTES_MAX = 64 * 1024;
/** A registry sends about ten. */
const HEADERS_MAX = 200;

/** How long the body of an answer is. Source: RFC 9112 section 6.3. */
export type Framing =
  | { readonly _tag: "Length"; readonly bytes: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "UntilClose" };

/** Status and headers of an answer. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; values in their order. */
  readonly headers: ReadonlyMap<string, ReadonlyArray<string>>;
  readonly framing: Framing;
  /** Whether the connection may be used again, and for how long it may rest, ms. */
  readonly keepAlive: boolean;
  readonly keepAliveMs: number | undefined;
}

const STATUS = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0\n\r]*)?$/;
/** A name is a token, and nothing stands between it and the colon: what else may be read in two ways (RFC 9112 section 5.1). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Ends of lines come in pairs; one alone, like a null, may be read in two ways. */
const ODD = /\0|\r(?!\n)|(?<!\r)\n/;
/** Names that were looked at already, in lower case: registries send the same ten in every answer. */
const names = new Map<string, string>();
const NAMES_MAX = 256;
const NONE: Framing = { _tag: "Length", bytes: 0 };

/**
 * Reads a head, without the empty line at its end. Throws `TransportError` for all that two readers could understand differently: folded
 * lines, odd names, two lengths, a length beside chunks, a coding that is not `chunked`.
 */
export const parseHead = (text: string, method: string): ResponseHead => {
  if (ODD.test(text)) throw invalid("a line that does not end as lines do");
  const [first = "", ...lines] = text.split("\r\n");
  const status = STATUS.exec(first);
  if (status === null) throw invalid("its first line is no status line");
  if (lines.length > HEADERS_MAX) throw invalid(`more than ${HEADERS_MAX} headers`);
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const key = nameOf(line.slice(0, Math.max(0, colon)));
    const value = trimmed(line, colon + 1);
    const known = headers.get(key);
    if (known === undefined) headers.set(key, [value]);
    else known.push(value);
  }
  const code = Number(status[2]);
  const framing = method === "HEAD" || code === 204 || code === 304 || code < 200 ? NONE : framingOf(headers);
  const closes = headers.get("connection")?.some((value) => /(?:^|,)\s*close\s*(?:,|$)/i.test(value)) === true;
  return {
    status: code,
    headers,
    framing,
    keepAlive: status[1] === "1" && !closes && framing._tag !== "UntilClose",
    keepAliveMs: keepAliveMs(headers),
  };
};

const nameOf = (given: string): string => {
  const seen = names.get(given);
  if (seen !== undefined) return seen;
  if (!NAME.test(given)) throw invalid("a header line that is none");
  const name = given.toLowerCase();
  if (names.size < NAMES_MAX) names.set(given, name);
  return name;
};

const SPACE = 0x20;
const TAB = 0x09;

/** Without the spaces and tabs around it, and no other kind of space (RFC 9112 section 5.1). */
const trimmed = (line: string, start: number): string => {
  const isSpace = (at: number): boolean => line.charCodeAt(at) === SPACE || line.charCodeAt(at) === TAB;
  let [from, to] = [start, line.length];
  while (from < to && isSpace(from)) from++;
  while (to > from && isSpace(to - 1)) to--;
  return line.slice(from, to);
};

const framingOf = (headers: ReadonlyMap<string, ReadonlyArray<string>>): Framing => {
  const coding = headers.get("transfer-encoding");
  const lengths = headers.get("content-length");
  if (coding !== undefined) {
    if (lengths !== undefined) throw invalid("a length beside a transfer coding");
    if (coding.length !== 1 || coding[0]?.toLowerCase() !== "chunked") throw invalid("an unknown transfer coding");
    return { _tag: "Chunked" };
  }
  if (lengths === undefined) return { _tag: "UntilClose" };
  const [length = ""] = lengths;
  if (!/^\d{1,15}$/.test(length) || lengths.some((other) => other !== length)) throw invalid("an odd Content-Length");
  return { _tag: "Length", bytes: Number(length) };
};

const keepAliveMs = (headers: ReadonlyMap<string, ReadonlyArray<string>>): number | undefined => {
  const [, seconds] = /(?:^|[ ,])timeout=(\d{1,6})/i.exec(headers.get("keep-alive")?.[0] ?? "") ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
};

export const invalid = (detail: string): TransportError =>
  new TransportError("DRAYAGE_INVALID_ANSWER", `the answer is not HTTP/1.1: ${detail}`);

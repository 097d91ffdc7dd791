import { createHash } from "node:crypto";
import { type Answer, type AnswerBody, empty, refusal, text } from "./answer.ts";
import type { FaultAction } from "./faults.ts";

/** How an answer is sent, where that is not simply: at once and whole. */
export interface Delivery {
  readonly delayMs?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  /** Bytes of the body after which the connection is broken or goes silent. */
  readonly endAfter?: { readonly bytes: number; readonly how: "reset" | "silence" } | undefined;
  /** Offset of the byte that is sent wrong. */
  readonly flipAt?: number | undefined;
}

/** An answer in place of the real one: the request is not even looked at. */
export const insteadOf = (action: FaultAction, redirectTo: string): Answer | undefined => {
  switch (action.kind) {
    case "status":
      return withRetryAfter(
        action.body === undefined
          ? refusal(action.status, action.code ?? usualCode(action.status), "fault injected by the test")
          : text(action.status, action.body),
        action.retryAfter,
      );
    case "redirect":
      return empty(307, { Location: action.to ?? redirectTo });
    case "html200":
      return text(200, "<!doctype html><title>Sign in</title><p>Please sign in.</p>\n", "text/html; charset=utf-8");
    default:
      return undefined;
  }
};

/** The real answer, spoilt. */
export const spoil = (answer: Answer, action: FaultAction | undefined): Answer => {
  switch (action?.kind) {
    case "wrongDigestHeader":
      return withHeader(
        answer,
        "Docker-Content-Digest",
        `sha256:${createHash("sha256").update("somebody else").digest("hex")}`,
      );
    case "noDigestHeader":
      return withHeader(answer, "Docker-Content-Digest", undefined);
    case "truncatedList":
      return { ...withHeader(answer, "Link", undefined), body: shorten(answer.body, action.keep) };
    default:
      return answer;
  }
};

/** How the answer goes out under this fault. */
export const deliveryOf = (action: FaultAction | undefined, size: number): Delivery => {
  switch (action?.kind) {
    case "slow":
      return { delayMs: action.delayMs, bytesPerSecond: action.bytesPerSecond };
    case "resetMidBody":
      return { endAfter: { bytes: action.afterBytes, how: "reset" } };
    case "stall":
      return action.afterBytes === undefined ? {} : { endAfter: { bytes: action.afterBytes, how: "silence" } };
    case "wrongBytes":
      return { flipAt: action.at ?? Math.floor(size / 2) };
    default:
      return {};
  }
};

const CODES: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "MANIFEST_UNKNOWN",
  429: "TOOMANYREQUESTS",
  503: "UNAVAILABLE",
};

const usualCode = (status: number): string => CODES[status] ?? "UNKNOWN";

const withRetryAfter = (answer: Answer, retryAfter: string | number | undefined): Answer =>
  retryAfter === undefined ? answer : withHeader(answer, "Retry-After", String(retryAfter));

const withHeader = (answer: Answer, name: string, value: string | undefined): Answer => {
  const others = Object.entries(answer.headers).filter(([key]) => key.toLowerCase() !== name.toLowerCase());
  return { ...answer, headers: Object.fromEntries(value === undefined ? others : [...others, [name, value]]) };
};

/** Cuts the one array that a listing holds. */
const shorten = (body: AnswerBody | undefined, keep: number | undefined): AnswerBody | undefined => {
  if (!(body instanceof Uint8Array) || body.byteLength === 0) return body;
  const document: unknown = JSON.parse(Buffer.from(body).toString());
  const cut = (_key: string, value: unknown): unknown =>
    Array.isArray(value) ? value.slice(0, keep ?? Math.floor(value.length / 2)) : value;
  return new TextEncoder().encode(JSON.stringify(document, cut));
};

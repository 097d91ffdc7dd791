import { mediaTypeOf } from "../model/media-types.ts";
import { parseChallenges } from "./challenge.ts";
import { classify, type Topic } from "./classify.ts";
import { RegistryError, type RegistryReason } from "./errors.ts";
import type { HttpAnswer } from "./http.ts";
import { proxyRefusal } from "./proxy-refusal.ts";
import { BodyTooLarge, readUpTo } from "./read-body.ts";
import { type ErrorBody, parseJson, readErrorBody } from "./wire.ts";

/** Error bodies are short; HTML of a proxy is cut here. */
export const ERROR_BODY_BYTES_MAX = 64 * 1024;
/** One line in a log, an event and a dashboard. */
const DETAIL_LENGTH_MAX = 500;
const REQUEST_ID_HEADERS = [
  "x-request-id",
  "x-amzn-requestid",
  "x-ms-request-id",
  "x-ms-correlation-request-id",
  "x-jfrog-request-id",
];

/** Where an operation happens: the parts that all of its errors share. */
export interface Place {
  readonly registry: string;
  readonly operation: string;
  readonly reference: string;
}

/** An error of ours about `place`. `detail` is made one line and loses signed queries. */
export const failure = (
  place: Place,
  reason: RegistryReason,
  detail: string,
  more: Partial<Pick<RegistryError, "status" | "code" | "missing" | "retryAfterMs" | "requestId" | "cause">> = {},
): RegistryError =>
  new RegistryError({
    registry: place.registry,
    operation: place.operation,
    reference: place.reference,
    reason,
    detail: oneLine(detail),
    ...more,
  });

/** The error that an answer means. Reads its body, at most 64 KiB, and lets go of it. */
export const answerFailure = async (
  place: Place,
  topic: Topic,
  answer: HttpAnswer,
  own: boolean,
): Promise<RegistryError> => {
  const body = own ? await errorBody(answer) : undefined;
  if (!own) answer.release();
  const { status } = answer;
  if (isFirstApi(answer)) return failure(place, "unsupported", FIRST_API, { status });
  const code = body?.code;
  // A storage host quotes our signed request in its errors, so its words are not repeated.
  const detail = body?.message ?? (own ? "no message" : `the storage host ${answer.url.host} answered ${status}`);
  const reason = reasonOf(answer, topic, body);
  return failure(place, reason, detail, {
    status,
    code,
    missing: reason === "content-missing" ? body?.digests : undefined,
    retryAfterMs: retryAfterMs(answer.header("retry-after"), Date.now()),
    requestId: REQUEST_ID_HEADERS.map((name) => answer.header(name)).find((value) => value !== undefined),
  });
};

/** Registries of Docker's first API name their version in a header that no later one has. For the message alone: a 404 is refused in any case. */
const isFirstApi = (answer: HttpAnswer): boolean =>
  answer.status === 404 &&
  answer.header("x-docker-registry-version") !== undefined &&
  answer.header("docker-distribution-api-version") === undefined;
const FIRST_API =
  "the registry speaks Docker's first API (V1), whose images have no digests: move them to a repository of the V2 API (docs/reference/refused.md)";

/** Whether a proxy or a login page answered in the registry's stead: no registry sends HTML. */
export const isPage = (answer: HttpAnswer): boolean => mediaTypeOf(answer.header("content-type")) === "text/html";

const reasonOf = (answer: HttpAnswer, topic: Topic, body: ErrorBody | undefined): RegistryReason => {
  const reason = classify(answer.status, body?.code, topic, body?.message);
  if (reason !== "unauthorized") return reason;
  const short = parseChallenges(answer.headers("www-authenticate")).some(
    (challenge) => challenge.parameters.get("error") === "insufficient_scope",
  );
  return short ? "denied" : reason;
};

const errorBody = async (answer: HttpAnswer): Promise<ErrorBody | undefined> => {
  try {
    const { bytes } = await readUpTo(answer.body, ERROR_BODY_BYTES_MAX);
    const body = new TextDecoder().decode(bytes);
    const document = parseJson(bytes);
    if (document !== undefined) return readErrorBody(document, body);
    const text = body.replace(/<[^>]*>/g, " ").trim();
    return text === "" ? undefined : { code: undefined, message: text, digests: [] };
  } catch {
    return undefined; // The status alone says enough; a body that breaks adds nothing.
  }
};

/** `Retry-After` in milliseconds from `now`: seconds or an HTTP date; `undefined` where it is neither. */
export const retryAfterMs = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim()) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
};

const STALLED: ReadonlySet<string> = new Set([
  "DRAYAGE_STALLED",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
]);

/** The error that a thrown cause means: what undici, the network or a body stream reported. */
export const causeFailure = (place: Place, cause: unknown): RegistryError => {
  if (cause instanceof RegistryError) return cause;
  if (cause instanceof BodyTooLarge) return failure(place, "too-large", cause.message);
  const refused = proxyRefusal(cause);
  if (refused !== undefined) return failureOfProxy(place, refused);
  const code = errorCode(cause);
  const detail = cause instanceof Error && cause.message !== "" ? cause.message : (code ?? "the connection broke");
  return failure(
    place,
    reasonOfCode(code),
    code === undefined || detail.includes(code) ? detail : `${code}: ${detail}`,
    {
      cause,
    },
  );
};

/** A wrong password of the proxy stays wrong; what it could not reach may be there again soon. */
const failureOfProxy = (place: Place, status: number): RegistryError =>
  status === 407
    ? failure(place, "denied", `the proxy wants another user or password (registries.${place.registry}.proxy)`, {
        status,
      })
    : failure(place, status === 403 ? "denied" : "network", `the proxy does not connect us: it answered ${status}`, {
        status,
      });

const reasonOfCode = (code: string | undefined): RegistryReason => {
  if (code === undefined) return "network";
  if (STALLED.has(code)) return "stalled";
  if (code === "DRAYAGE_REFUSED_ADDRESS") return "unsafe-location";
  if (code === "DRAYAGE_INVALID_ANSWER" || code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW")
    return "invalid-response";
  // Our own body was longer or shorter than its descriptor promised.
  if (code === "DRAYAGE_BODY_LENGTH" || code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH") return "digest-mismatch";
  return "network";
};

const errorCode = (cause: unknown): string | undefined => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : undefined;
};

const oneLine = (text: string): string => redactQueries(text).replace(/\s+/g, " ").trim().slice(0, DETAIL_LENGTH_MAX);

/** Queries of URLs carry signatures and upload state: none of them is ever shown. */
export const redactQueries = (text: string): string => text.replace(/(https?:\/\/[^\s"'<>?]*)\?[^\s"'<>]*/gi, "$1?…");

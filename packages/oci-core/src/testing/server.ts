import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, refusal } from "./answer.ts";
import { deliveryOf, insteadOf, spoil } from "./apply-fault.ts";
import { type Authority, TOKEN_PATH } from "./auth.ts";
import { serveBlob, storageLocation } from "./blobs.ts";
import type { Exchange } from "./exchange.ts";
import type { FaultAction, FaultPlan } from "./faults.ts";
import { isDigest } from "./grammar.ts";
import type { OpenRequest, RequestRecorder } from "./request-log.ts";
import { findRoute } from "./route.ts";
import type { RateRule } from "./rules.ts";
import { send, sizeOf, untilClosed } from "./send.ts";
import type { RegistryState } from "./state.ts";

/** Answers requests of another interface on the same host (a vendor's own API); `undefined` leaves them to the registry. */
export type Intercept = (exchange: Exchange) => Promise<Answer | undefined>;

/** Stands around all answers: `next` is the registry's own, also for an exchange with another address (several forms of address for one name). */
export type Around = (exchange: Exchange, next: (exchange: Exchange) => Promise<Answer>) => Promise<Answer>;

/** What one request passes through, in this order: faults, what stands around, interception, rates, tokens, routes and their rights. */
export interface Pipeline {
  readonly state: RegistryState;
  readonly authority: Authority;
  readonly faults: FaultPlan;
  readonly log: RequestRecorder;
  readonly intercept?: Intercept | undefined;
  readonly around?: Around | undefined;
}

/** The request listener of the registry. */
export const makeHandler = (pipeline: Pipeline) => {
  const rates = makeRateLimit(() => pipeline.state.rules().rates);
  return (request: IncomingMessage, response: ServerResponse): void => {
    const open = begin(pipeline.log, request);
    response.once("close", open.end);
    // Node throws the rest of a body away by itself only when nobody had begun to read it; a client that still sends would wait for ever.
    response.once("finish", () => request.resume());
    serve(pipeline, rates, request, response, open).catch((error: unknown) => fail(request, response, open, error));
  };
};

/** The request listener of the storage host: signed addresses, no credentials. */
export const makeStorageHandler = ({ state, log }: Pick<Pipeline, "state" | "log">) => {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const open = begin(log, request);
    open.route = "storage";
    response.once("close", open.end);
    const exchange = toExchange(request, request);
    const answer = answerStorage(state, exchange);
    open.status = answer.status;
    send(response, request.method === "HEAD", answer, {}, log.sent).catch((error: unknown) =>
      fail(request, response, open, error),
    );
  };
};

const serve = async (
  { state, authority, faults, log, intercept, around }: Pipeline,
  rates: (exchange: Exchange) => Answer | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  open: OpenRequest,
): Promise<void> => {
  const action = faults.strike(request.method ?? "GET", request.url ?? "/");
  open.fault = action?.kind;
  if (action?.kind === "reset" && action.when !== "after") return reset(request);
  if (action?.kind === "stall" && action.afterBytes === undefined) {
    // The body is taken, so that it is the silence that the client notices.
    request.resume();
    return untilClosed(response, new Promise(() => undefined));
  }
  if (action?.kind === "expireTokens") authority.revokeTokens();
  const exchange = atItsPlace(state, toExchange(request, meter(request, log, action)));
  const own = async (exchange: Exchange): Promise<Answer> => {
    const taken = (await Promise.resolve(intercept?.(exchange))) ?? rates(exchange);
    if (taken !== undefined) return taken;
    if (exchange.url.pathname === TOKEN_PATH) {
      open.route = "token";
      return authority.issue(exchange);
    }
    const route = findRoute(exchange);
    open.route = route.name;
    const who = authority.authorize(exchange, route.scopes);
    return who._tag === "Refused" ? who.answer : route.handle(state, { ...exchange, user: who.user });
  };
  const decided = (): Promise<Answer> => around?.(exchange, own) ?? own(exchange);
  const instead = action && insteadOf(action, redirectTarget(state, exchange));
  const answer = spoil(instead ?? (await decided()), action);
  if (action?.kind === "reset") return reset(request);
  open.status = answer.status;
  await send(response, request.method === "HEAD", answer, deliveryOf(action, sizeOf(answer.body)), log.sent);
};

const begin = (log: RequestRecorder, request: IncomingMessage): OpenRequest =>
  log.begin({
    method: request.method ?? "GET",
    path: request.url ?? "/",
    authorization: request.headers.authorization?.split(" ")[0],
  });

const toExchange = (request: IncomingMessage, body: AsyncIterable<Uint8Array>): Exchange => ({
  id: randomUUID(),
  method: request.method ?? "GET",
  url: new URL(request.url ?? "/", `http://${request.headers.host ?? "127.0.0.1"}`),
  headers: request.headers,
  body,
  remote: `${request.socket.remoteAddress ?? ""}:${request.socket.remotePort ?? 0}`,
});

/** The same exchange at its address below `/v2/`, where a rule of the registry has moved it. */
const atItsPlace = (state: RegistryState, exchange: Exchange): Exchange => {
  const { uploads, downloads } = state.rules().relocate ?? {};
  const prefix = [uploads, downloads].find((one) => one !== undefined && exchange.url.pathname.startsWith(`${one}/`));
  if (prefix === undefined) return exchange;
  const url = new URL(exchange.url.href);
  url.pathname = url.pathname.slice(prefix.length);
  return { ...exchange, url, relocated: true };
};

/** The body, counted, and broken off where a fault says so. */
async function* meter(
  request: IncomingMessage,
  log: RequestRecorder,
  action: FaultAction | undefined,
): AsyncGenerator<Uint8Array> {
  let left = action?.kind === "resetUpload" ? action.afterBytes : Number.POSITIVE_INFINITY;
  // A handler that has read enough answers; the rest of the body is then thrown away, not the connection.
  const pieces: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const piece of pieces) {
    const taken = piece.byteLength <= left ? piece : piece.subarray(0, left);
    left -= taken.byteLength;
    log.received(taken.byteLength);
    yield taken;
    if (left === 0) {
      reset(request);
      throw new Error("connection reset by a fault");
    }
  }
}

/** Whatever its type says, Node takes the socket away from a request whose connection has gone. */
const socketOf = (request: IncomingMessage): IncomingMessage["socket"] | null => request.socket;

const reset = (request: IncomingMessage): void => {
  socketOf(request)?.resetAndDestroy();
};

/** A connection that broke is the end of its request, whoever broke it. Anything else is a defect of this registry, and is said aloud. */
const fail = (request: IncomingMessage, response: ServerResponse, open: OpenRequest, error: unknown): void => {
  if (response.headersSent || socketOf(request)?.destroyed !== false) {
    response.destroy();
    return;
  }
  open.status = 500;
  const answer = refusal(500, "UNKNOWN", "the strict registry failed", String(error));
  send(response, request.method === "HEAD", answer, {}, () => undefined).catch(() => response.destroy());
};

/** Storage address of the blob that was asked for; for other requests just the host. */
const redirectTarget = (state: RegistryState, exchange: Exchange): string => {
  const [, repository, digest] = /^\/v2\/(.+)\/blobs\/([^/]+)$/.exec(decodeURI(exchange.url.pathname)) ?? [];
  if (repository === undefined || digest === undefined) return state.storageUrl();
  return storageLocation(state.storageUrl(), repository, digest);
};

const answerStorage = (state: RegistryState, exchange: Exchange): Answer => {
  if (exchange.headers.authorization !== undefined || exchange.headers.cookie !== undefined) {
    return refusal(400, "INVALID_ARGUMENT", "credentials of another host were sent to the storage host");
  }
  const [, repository, digest] = /^\/storage\/(.+)\/([^/]+)$/.exec(exchange.url.pathname) ?? [];
  if (repository === undefined || digest === undefined || !isDigest(digest))
    return refusal(404, "UNKNOWN", "no such object");
  if (!exchange.url.searchParams.has("X-Amz-Signature")) return refusal(403, "DENIED", "the address is not signed");
  const blob = state.store.repository(repository)?.blobs.get(digest);
  return blob === undefined ? refusal(404, "UNKNOWN", "no such object") : serveBlob(blob, exchange);
};

/** Counts each rule over seconds of the clock: coarse, as the quotas of real registries are. */
const makeRateLimit = (rules: () => ReadonlyArray<RateRule>) => {
  const windows = new WeakMap<RateRule, { readonly second: number; used: number }>();
  return (exchange: Exchange): Answer | undefined => {
    const second = Math.floor(Date.now() / 1000);
    const path = exchange.url.pathname + exchange.url.search;
    let refused = false;
    for (const rule of rules()) {
      if ((rule.method !== undefined && rule.method !== exchange.method) || rule.path?.test(path) === false) continue;
      const held = windows.get(rule);
      const window = held?.second === second ? held : { second, used: 0 };
      windows.set(rule, window);
      window.used += 1;
      if (window.used > rule.perSecond) refused = true;
    }
    return refused ? refusal(429, "TOOMANYREQUESTS", "rate exceeded", undefined, { "Retry-After": "1" }) : undefined;
  };
};

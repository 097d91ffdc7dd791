import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { makeDispatcher } from "./dispatcher.ts";
import { guardedLookup } from "./guarded-lookup.ts";
import type { NetworkSettings } from "./network.ts";

/** A host that does not accept a connection in this time is down for now; retries come later. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Time from request to status line. A remote repository of Artifactory fetches upstream first, which takes tens of seconds. */
export const ANSWER_TIMEOUT_MS = 60_000;
/** No byte for this long ends a body. There is no limit on the whole: a 10 GiB layer may take as long as it moves. */
export const STALL_TIMEOUT_MS = 60_000;
/** Time a registry may take between the last byte of a blob and its answer: storage backends copy and hash there. */
export const COMMIT_TIMEOUT_MS = 300_000;
/** Load balancers drop idle connections after 60 s and more; half of it keeps us from writing into a closed one. */
const KEEP_ALIVE_MS = 30_000;
/** What is read of an unwanted body to keep its connection; a new connection is cheaper than more. */
const DUMP_BYTES_MAX = 64 * 1024;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | Uint8Array | undefined;
  readonly signal: AbortSignal;
  readonly answerTimeoutMs?: number | undefined;
}

/** An answer whose body is still on the wire: read it, or `release` it. */
export interface HttpAnswer {
  readonly url: URL;
  readonly status: number;
  /** The first value of a header. */
  readonly header: (name: string) => string | undefined;
  readonly headers: (name: string) => ReadonlyArray<string>;
  readonly body: Readable;
  /** Gives the connection back, or closes it if much is left. Safe to call after the body was read. */
  readonly release: () => void;
}

/** One registry's connections. Redirects are not followed, bodies are not decompressed, nothing is retried. */
export interface Http {
  readonly send: (request: HttpRequest) => Promise<HttpAnswer>;
  /** Aborts what is under way. */
  readonly close: () => Promise<void>;
}

/** What became of one request, told as soon as its headers are there. `error`: no answer came. */
export interface Observation {
  readonly method: string;
  readonly status: number | "error";
  /** Where it went: the registry's own, a token server's, a storage host's. */
  readonly origin: string;
  /** The `Date` header of the answer. */
  readonly date?: string | undefined;
}

/** Keep-alive pools: one for the registry's own origin, one for hosts that it names, whose addresses are checked. */
export const makeHttp = (
  registry: URL,
  userAgent: string,
  observe: (observation: Observation) => void = () => {},
  network: NetworkSettings = {},
): Http => {
  const options = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: STALL_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
  };
  const own = makeDispatcher(network, options);
  // Other hosts have addresses of their own, and are not shown our certificate.
  const foreign = makeDispatcher(
    { proxy: network.proxy, tls: { ca: network.tls?.ca } },
    { ...options, lookup: guardedLookup(registry) },
  );
  return {
    send: async (request) => {
      const { url, method } = request;
      const agent = url.origin === registry.origin ? own : foreign;
      const asked = agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        // identity: a proxy that compresses would hide the length and change the bytes that are hashed.
        headers: { "user-agent": userAgent, "accept-encoding": "identity", ...request.headers },
        body: request.body ?? null,
        signal: request.signal,
        // undici closes the connection after each HEAD otherwise (measured: 108 µs instead of 22).
        reset: false,
        headersTimeout: request.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      });
      const answer = await asked.catch((cause: unknown) => {
        observe({ method, status: "error", origin: url.origin });
        throw cause;
      });
      const result = toAnswer(url, answer);
      observe({ method, status: result.status, origin: url.origin, date: result.header("date") });
      return result;
    },
    close: async () => {
      await Promise.all([own.destroy(), foreign.destroy()]);
    },
  };
};

const toAnswer = (url: URL, answer: Dispatcher.ResponseData): HttpAnswer => {
  const headers = (name: string): ReadonlyArray<string> => {
    const value = answer.headers[name];
    return value === undefined ? [] : Array.isArray(value) ? value : [value];
  };
  return {
    url,
    status: answer.statusCode,
    header: (name) => headers(name)[0],
    headers,
    body: answer.body,
    release: () => {
      // A body that breaks while it is thrown away concerns nobody.
      answer.body.dump({ limit: DUMP_BYTES_MAX }).catch(() => undefined);
    },
  };
};

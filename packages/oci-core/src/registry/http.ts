import type { Readable } from "node:stream";
import type { InterruptionSignal } from "./interruption.ts";
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
export const KEEP_ALIVE_MS = 30_000;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream needs a `content-length` among the headers, and is held to it. */
  readonly body?: Readable | Uint8Array | undefined;
  readonly signal: InterruptionSignal;
  readonly answerTimeoutMs?: number | undefined;
  /** Whether it asks for a token; for `Observation`. */
  readonly forToken?: boolean | undefined;
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
  /** Where it went. */
  readonly origin: string;
  /** `storage`: another host, to which the registry redirected. A token server may be on the registry's own host. */
  readonly purpose: "registry" | "token" | "storage";
  /** The `Date` header of the answer. */
  readonly date?: string | undefined;
}

/** What every client of one registry is made from. */
export interface HttpSetup {
  readonly registry: URL;
  readonly userAgent: string;
  /** Absent where nobody listens. */
  readonly observe?: ((observation: Observation) => void) | undefined;
  readonly network: NetworkSettings;
}

/** What is told of a request whatever becomes of it. */
export const sentBy = (
  { method, url, forToken }: HttpRequest,
  registry: URL,
): Pick<Observation, "method" | "origin" | "purpose"> => ({
  method,
  origin: url.origin,
  purpose: forToken === true ? "token" : url.origin === registry.origin ? "registry" : "storage",
});

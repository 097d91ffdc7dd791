import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { isProbe, probe, type Readiness } from "./probes.ts";
import { problem } from "./problem.ts";

/**
 * A plain node:http request listener. A rejection is answered with 500 and logged. `closing` is aborted when the server begins to stop:
 * long answers (server-sent events) end then, or are cut when the time for stopping is over.
 */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
) => void | Promise<void>;

export interface HttpServerOptions {
  /** What serves here, for messages: `ingest`, `admin`. Also the key below `http:` in drayage.yaml. */
  readonly name: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly handler: HttpHandler;
  /** About this process, never about a target (DESIGN.md section 10). Bounded here by 5 s; a rejection is "not ready". */
  readonly ready: () => Promise<Readiness>;
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** Bounds of one server; bodies are bounded by `readBody`. */
export interface HttpLimits {
  /** Whole headers of a request, bytes. Node's own default; webhooks have at most 5 KiB of them. */
  readonly headerBytesMax: number;
  /** From the first byte to the end of the headers: what a slow sender may take of us. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the end of the body. Above the 10 s of `readBody`, whose answer is the better one. */
  readonly requestTimeoutMs: number;
  /** An idle connection; senders of notifications come back within seconds. */
  readonly keepAliveTimeoutMs: number;
  /** Sockets at once: far above the thousand senders that make sense, below the file descriptors of a process. */
  readonly connectionsMax: number;
  /** How long requests in flight may finish when the server stops. Below the 10 s after which containers are killed. */
  readonly drainMs: number;
}

const LIMITS: HttpLimits = {
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  connectionsMax: 4096,
  drainMs: 5_000,
};

/** A server that listens. */
export interface HttpServer {
  readonly host: string;
  /** The real one, where 0 was asked for. */
  readonly port: number;
  /** `http://host:port` */
  readonly url: string;
}

/** The address cannot be listened on. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, ... */
  readonly code: string;
}> {
  override get message(): string {
    const what = CAUSES[this.code] ?? `the system says ${this.code}; choose another address`;
    return `${this.name} cannot listen on ${this.host}:${this.port}: ${what} (http.${this.name} in drayage.yaml)`;
  }
}
const CAUSES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there; stop it, or choose another port",
  EACCES: "this user may not; choose a port above 1023",
  EADDRNOTAVAIL: "this machine has no such address; choose one that it has, 127.0.0.1 or 0.0.0.0",
  ENOTFOUND: "the host name is not known; write an address of this machine",
};

/**
 * Serves until its scope closes: then the listener and idle connections close at once, requests in flight may finish for `drainMs`, and
 * what is left is cut. `/healthz` (the process runs) and `/readyz` (it can work) are answered here.
 */
export const httpServer = (options: HttpServerOptions): Effect.Effect<HttpServer, ListenFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>());
    const { server, stop } = makeServer(options, (cause) => {
      run(Effect.logError(`${options.name}: a request failed in a way that is not foreseen`, cause));
    });
    yield* Effect.acquireRelease(listen(server, options), () => stop);
    const { port } = server.address() as AddressInfo;
    const url = `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`;
    yield* Effect.logInfo(`${options.name} listens on ${url}`);
    return { host: options.host, port, url };
  });

const makeServer = (options: HttpServerOptions, failed: (cause: unknown) => void) => {
  const limits = { ...LIMITS, ...options.limits };
  const closing = new AbortController();
  const onClosed = (): void => {
    if (closing.signal.aborted) setImmediate(() => server.closeIdleConnections());
  };
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    },
    (request, response) => {
      // A connection closes as soon as it is idle, also when that is during the drain.
      response.on("close", onClosed);
      void serve(options, request, response, closing.signal, failed);
    },
  );
  server.maxConnections = limits.connectionsMax;
  const stop = Effect.callback<void>((resume) => {
    closing.abort();
    const timer = setTimeout(() => server.closeAllConnections(), limits.drainMs);
    server.close(() => {
      clearTimeout(timer);
      resume(Effect.void);
    });
    server.closeIdleConnections();
  });
  return { server, stop };
};

const serve = async (
  options: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
  failed: (cause: unknown) => void,
): Promise<void> => {
  if (closing.aborted) response.setHeader("connection", "close");
  try {
    if (isProbe(request)) return await probe(request, response, options.ready, closing);
    await options.handler(request, response, closing);
  } catch (cause) {
    failed(cause);
    problem(response, {
      status: 500,
      title: "Internal error",
      detail: "This is a fault of Drayage; its log says more.",
    });
    if (!response.writableEnded) response.destroy();
  }
};

const listen = (server: Server, { name, host, port }: HttpServerOptions): Effect.Effect<void, ListenFailed> =>
  Effect.callback((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenFailed({ name, host, port, code: error.code ?? error.message }))),
    );
    server.listen({ host, port }, () => resume(Effect.void));
  });

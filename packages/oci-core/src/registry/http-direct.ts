import { Readable } from "node:stream";
import { guardedLookup } from "./guarded-lookup.ts";
import {
  ANSWER_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  type Http,
  type HttpAnswer,
  type HttpRequest,
  type HttpSetup,
  KEEP_ALIVE_MS,
  STALL_TIMEOUT_MS,
  sentBy,
} from "./http.ts";
import { tlsOptions } from "./tls-options.ts";
import type { WireAnswer } from "./transport/connection.ts";
import { invalid } from "./transport/response-head.ts";
import { makeTransport } from "./transport/transport.ts";
import { WireBody } from "./transport/wire-body.ts";

/** Requests over connections of our own, to the registry or to the address that stands for it. */
export const directHttp = ({ registry, userAgent, observe, network }: HttpSetup): Http => {
  const options = {
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    keepAliveMs: KEEP_ALIVE_MS,
  };
  const own = makeTransport({ ...options, tls: tlsOptions(network.tls), endpoint: network.endpoint });
  // Other hosts have addresses of their own, and are not shown our certificate.
  const foreign = makeTransport({
    ...options,
    tls: tlsOptions({ ca: network.tls?.ca }),
    lookup: guardedLookup(registry),
  });
  return {
    send: async (request) => {
      const { url, method, body } = request;
      const asked = (url.origin === registry.origin ? own : foreign).send(url, {
        method,
        head: headText(request, userAgent),
        body,
        length: Number(request.headers["content-length"] ?? 0),
        signal: request.signal,
        answerTimeoutMs: request.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      });
      if (observe === undefined) return new DirectAnswer(url, await asked);
      const answer = await asked.catch((cause: unknown) => {
        observe({ ...sentBy(request, registry), status: "error" });
        throw cause;
      });
      const result = new DirectAnswer(url, answer);
      observe({ ...sentBy(request, registry), status: result.status, date: result.header("date") });
      return result;
    },
    close: async () => {
      own.close();
      foreign.close();
    },
  };
};

/** What a header may hold. A token server's answer goes into one: a line break there would be a second header. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const headText = ({ method, url, headers, body }: HttpRequest, userAgent: string): string => {
  let text = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nuser-agent: ${userAgent}\r\n`;
  // identity: a proxy that compresses would hide the length and change the bytes that are hashed.
  text += "accept-encoding: identity\r\n";
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_VALUE.test(value)) throw invalid(`the value for ${name} holds a line break or worse`);
    text += `${name}: ${value}\r\n`;
  }
  const length = body instanceof Uint8Array ? body.byteLength : 0;
  const isOpen = "content-length" in headers || (body === undefined && (method === "GET" || method === "HEAD"));
  return isOpen ? `${text}\r\n` : `${text}content-length: ${length}\r\n\r\n`;
};

class DirectAnswer implements HttpAnswer {
  readonly url: URL;
  readonly status: number;
  readonly header: HttpAnswer["header"];
  readonly headers: HttpAnswer["headers"];
  #body: WireAnswer["body"] | Readable;

  constructor(url: URL, { head, body }: WireAnswer) {
    this.url = url;
    this.status = head.status;
    this.header = (name) => head.headers.get(name)?.[0];
    this.headers = (name) => head.headers.get(name) ?? [];
    this.#body = body;
  }

  /** Most answers have none, and a stream is dear: made only for who wants it. */
  get body(): Readable {
    this.#body ??= Readable.from([]);
    return this.#body;
  }

  readonly release = (): void => {
    if (this.#body instanceof WireBody) this.#body.release();
  };
}

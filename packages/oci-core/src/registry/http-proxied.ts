import * as Redacted from "effect/Redacted";
import type { Dispatcher } from "undici";
import {
  ANSWER_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  type Http,
  type HttpAnswer,
  type HttpSetup,
  KEEP_ALIVE_MS,
  STALL_TIMEOUT_MS,
  sentBy,
} from "./http.ts";
import { platformSignal } from "./interruption.ts";
import { proxiedDispatcher } from "./proxy.ts";
import { identityOf, tlsOptions } from "./tls-options.ts";

/** What is read of an unwanted body to keep its connection; a new connection is cheaper than more. */
const DUMP_BYTES_MAX = 64 * 1024;

/** Requests through an HTTP proxy, which also resolves the names. */
export const throughProxy = ({ registry, userAgent, observe, network }: HttpSetup): Http => {
  const { proxy = Redacted.make(""), tls, endpoint } = network;
  const authorities = tlsOptions({ ca: tls?.ca });
  const common = {
    proxy,
    proxyTls: authorities,
    connectTimeout: CONNECT_TIMEOUT_MS,
    bodyTimeout: STALL_TIMEOUT_MS,
    pool: { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: STALL_TIMEOUT_MS },
  };
  const own = proxiedDispatcher({
    ...common,
    requestTls: { ...tlsOptions(tls), ...(endpoint === undefined ? {} : identityOf(registry)) },
    instead: endpoint === undefined ? undefined : { endpoint, registry },
  });
  // Other hosts have addresses of their own, and are not shown our certificate.
  const foreign = proxiedDispatcher({ ...common, requestTls: authorities });
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
        signal: platformSignal(request.signal),
        // undici closes the connection after each HEAD otherwise (measured: 108 µs instead of 22).
        reset: false,
        headersTimeout: request.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      });
      const answer = await asked.catch((cause: unknown) => {
        observe?.({ ...sentBy(request, registry), status: "error" });
        throw cause;
      });
      const result = toAnswer(url, answer);
      observe?.({ ...sentBy(request, registry), status: result.status, date: result.header("date") });
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

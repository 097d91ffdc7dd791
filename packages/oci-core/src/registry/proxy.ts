import type { OutgoingHttpHeaders } from "node:http";
import * as Redacted from "effect/Redacted";
import { type buildConnector, type Dispatcher, Pool, ProxyAgent } from "undici";

/** What a proxied pool is made of. Milliseconds. */
export interface ProxyOptions {
  /** `http://` or `https://`, with user and password where the proxy asks for them. */
  readonly proxy: Redacted.Redacted<string>;
  /** For connections to registries, within the tunnel. */
  readonly requestTls: buildConnector.BuildOptions;
  /** For the connection to a proxy of `https`. */
  readonly proxyTls: buildConnector.BuildOptions;
  readonly connectTimeout: number;
  readonly bodyTimeout: number;
  readonly pool: Pool.Options;
  /** The proxy is asked for this address instead of the registry's own. */
  readonly instead?: { readonly endpoint: URL; readonly registry: URL } | undefined;
}

/**
 * Connections through an HTTP proxy. To a registry of https through a tunnel (CONNECT), so that the proxy sees names and no bytes; to one of
 * http by the whole address in the request line, since proxies tunnel to 443 alone (Squid's own configuration; RFC 9110 9.3.6).
 */
export const proxiedDispatcher = (options: ProxyOptions): Dispatcher => {
  const { proxy, requestTls, proxyTls, connectTimeout, bodyTimeout, pool, instead } = options;
  const url = new URL(Redacted.value(proxy));
  const token = proxyAuthorization(url);
  url.username = "";
  url.password = "";
  const agent = new ProxyAgent({
    ...pool,
    uri: url.href,
    ...(token === undefined ? {} : { token }),
    proxyTunnel: false,
    requestTls: { ...requestTls, timeout: connectTimeout },
    proxyTls: { ...proxyTls, timeout: connectTimeout },
    // A proxy that takes the connection and never answers must not hold a copy for undici's five minutes.
    clientFactory: (origin, given) => new Pool(origin, { ...given, headersTimeout: connectTimeout }),
  });
  // Without a tunnel the pool is the proxy's, which does not know our limits.
  return agent.compose((dispatch) => (request, handler) => {
    const elsewhere =
      instead === undefined
        ? {}
        : {
            origin: instead.endpoint.origin,
            headers: { ...namedHeaders(request.headers), host: instead.registry.host },
          };
    return dispatch({ ...request, ...elsewhere, bodyTimeout }, handler);
  });
};

/** We give an object; undici would take other forms too. */
const namedHeaders = (headers: Dispatcher.DispatchOptions["headers"]): OutgoingHttpHeaders =>
  headers === null || headers === undefined || Array.isArray(headers) || Symbol.iterator in headers ? {} : headers;

/** A user without a password is sent as well, which undici's own reading of the address leaves out. */
const proxyAuthorization = ({ username, password }: URL): string | undefined =>
  username === "" && password === ""
    ? undefined
    : `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign that somebody did not encode
  }
};

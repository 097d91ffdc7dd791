import type { LookupFunction } from "node:net";
import { getCACertificates } from "node:tls";
import * as Redacted from "effect/Redacted";
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from "undici";
import type { NetworkSettings, TlsSettings } from "./network.ts";

/** What every connection of one registry has in common. Milliseconds. */
export interface DispatcherOptions {
  readonly keepAliveTimeout: number;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly connectTimeout: number;
  /** Resolves names, and refuses addresses; the system's resolver by default. A proxy resolves by itself. */
  readonly lookup?: LookupFunction | undefined;
}

/** Pools of connections as the settings want them: through a proxy, to another address, with certificates of our own. */
export const makeDispatcher = (
  { tls, proxy, endpoint }: NetworkSettings,
  { connectTimeout, lookup, ...pool }: DispatcherOptions,
): Dispatcher => {
  const secure = tlsOptions(tls);
  if (proxy !== undefined) {
    // Plain HTTP goes through a tunnel as well: the proxy must not be able to read our credentials as a part of its job.
    return new ProxyAgent({ ...pool, uri: Redacted.value(proxy), requestTls: { ...secure, timeout: connectTimeout } });
  }
  const options = { ...secure, timeout: connectTimeout, ...(lookup === undefined ? {} : { lookup }) };
  if (endpoint === undefined) return new Agent({ ...pool, connect: options });
  const connect = buildConnector(options);
  return new Agent({
    ...pool,
    connect: (wanted, callback) =>
      connect(
        {
          ...wanted,
          protocol: endpoint.protocol,
          hostname: endpoint.hostname,
          host: endpoint.host,
          port: endpoint.port,
          // The certificate must be the registry's, whatever the address is.
          servername: wanted.servername ?? wanted.hostname,
        },
        callback,
      ),
  });
};

const tlsOptions = (tls: TlsSettings | undefined): { ca?: string[]; cert?: string; key?: string } => ({
  // `ca` replaces the defaults of Node, so they are named too.
  ...(tls?.ca === undefined ? {} : { ca: [...getCACertificates("default"), tls.ca] }),
  ...(tls?.clientCert === undefined ? {} : { cert: tls.clientCert }),
  ...(tls?.clientKey === undefined ? {} : { key: Redacted.value(tls.clientKey) }),
});

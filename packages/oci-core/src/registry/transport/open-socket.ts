import { connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { tlsModule } from "./tls-module.ts";

/** Where a connection leads, and what it needs on the way. */
export interface SocketSetup {
  /** Whose names are meant. */
  readonly url: URL;
  /** Where it is. */
  readonly connectTo: URL;
  readonly tls: ConnectionOptions;
  readonly lookup?: LookupFunction | undefined;
}

/** A socket that reads into the buffers that `onread` gives it. */
export const openSocket = ({ url, connectTo, tls, lookup }: SocketSetup, onread: OnReadOpts): Socket => {
  const isSecure = connectTo.protocol === "https:";
  const at = { host: hostOf(connectTo), port: Number(connectTo.port || (isSecure ? 443 : 80)), onread };
  const more = lookup === undefined ? {} : { lookup };
  if (!isSecure) return connect({ ...at, ...more });
  const name = hostOf(url);
  const nodeTls = tlsModule();
  return nodeTls.connect({
    ALPNProtocols: ["http/1.1"],
    // The certificate must be the registry's, whatever the address is.
    checkServerIdentity: (_host, certificate) => nodeTls.checkServerIdentity(name, certificate),
    // An address is no server name (RFC 6066).
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...tls,
    ...at,
    ...more,
  } as ConnectionOptions);
};

/** Without the brackets of an IPv6 address. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

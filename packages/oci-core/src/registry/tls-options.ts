import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import * as Redacted from "effect/Redacted";
import type { TlsSettings } from "./network.ts";
import { tlsModule } from "./transport/tls-module.ts";

/** The settings as `node:tls` takes them. */
export const tlsOptions = (tls: TlsSettings | undefined): { ca?: string[]; cert?: string; key?: string } => ({
  // `ca` replaces the defaults of Node, so they are named too.
  ...(tls?.ca === undefined ? {} : { ca: [...tlsModule().getCACertificates("default"), tls.ca] }),
  ...(tls?.clientCert === undefined ? {} : { cert: tls.clientCert }),
  ...(tls?.clientKey === undefined ? {} : { key: Redacted.value(tls.clientKey) }),
});

/** Whatever the address is: the certificate must be that of `url`, which may be an address too. */
export const identityOf = ({ hostname }: URL): Pick<ConnectionOptions, "servername" | "checkServerIdentity"> => {
  const name = hostname.replace(/^\[|\]$/g, "");
  return {
    // RFC 6066 3: an address is no server name.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => tlsModule().checkServerIdentity(name, certificate),
  };
};

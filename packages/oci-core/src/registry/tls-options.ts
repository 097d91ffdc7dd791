import { getCACertificates } from "node:tls";
import * as Redacted from "effect/Redacted";
import type { TlsSettings } from "./network.ts";

/** The settings as `node:tls` takes them. */
export const tlsOptions = (tls: TlsSettings | undefined): { ca?: string[]; cert?: string; key?: string } => ({
  // `ca` replaces the defaults of Node, so they are named too.
  ...(tls?.ca === undefined ? {} : { ca: [...getCACertificates("default"), tls.ca] }),
  ...(tls?.clientCert === undefined ? {} : { cert: tls.clientCert }),
  ...(tls?.clientKey === undefined ? {} : { key: Redacted.value(tls.clientKey) }),
});

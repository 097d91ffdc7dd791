import type * as Redacted from "effect/Redacted";

/** How connections to one registry are made. Nothing of it: directly, with the certificate authorities of Node. */
export interface NetworkSettings {
  readonly tls?: TlsSettings | undefined;
  /** An HTTP proxy for every connection, its password included: `http://user:password@proxy.example:3128`. */
  readonly proxy?: Redacted.Redacted<string> | undefined;
  /**
   * Connect to this scheme, host and port instead of the registry's own (private DNS, a load balancer's address). Names stay those of the
   * registry: the `Host` header, the TLS server name, and what its certificate must say.
   */
  readonly endpoint?: URL | undefined;
}

/** PEM texts, not paths. */
export interface TlsSettings {
  /** Certificate authorities to trust beside those of Node. */
  readonly ca?: string | undefined;
  /** Our certificate and its key, for registries that ask for one. */
  readonly clientCert?: string | undefined;
  readonly clientKey?: Redacted.Redacted<string> | undefined;
}

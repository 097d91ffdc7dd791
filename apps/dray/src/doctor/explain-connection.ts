import type { Finding, RegistryError } from "@drayage/oci-core";
import type { Attempt } from "./explain.ts";

/** Why no answer came at all, by the code of the system, of TLS or of the HTTP client. Source: errno(3), Node's "X509 certificate error codes". */
interface Reason {
  readonly key: "url" | "tls.ca" | "tls.clientCert";
  readonly what: string;
  readonly mend: string;
}

const NO_NAME: Reason = {
  key: "url",
  what: "its name cannot be resolved",
  mend: "Correct the host, or the DNS of this machine; for a private address set `endpoint`",
};
const UNREACHABLE: Reason = {
  key: "url",
  what: "it cannot be reached",
  mend: "Open the way (`dray doctor --egress` lists every host and port), or set `proxy` or `endpoint`",
};
const UNKNOWN_CA: Reason = {
  key: "tls.ca",
  what: "its certificate comes from an authority that is not trusted here",
  mend: "Write the PEM file of the authority into `tls.ca`",
};
const BROKEN_OFF: Reason = {
  key: "url",
  what: "the connection is broken off",
  mend: "Check scheme and port, and what stands between",
};

const REASONS: Readonly<Record<string, Reason>> = {
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_NAME,
  ECONNREFUSED: { key: "url", what: "nothing listens there", mend: "Correct host and port, or start the registry" },
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  EADDRNOTAVAIL: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: UNREACHABLE,
  ECONNRESET: BROKEN_OFF,
  EPIPE: BROKEN_OFF,
  UND_ERR_SOCKET: BROKEN_OFF,
  DRAYAGE_CLOSED: BROKEN_OFF,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  CERT_HAS_EXPIRED: {
    key: "url",
    what: "its certificate has expired",
    mend: "Renew the certificate of the registry; if it is new, set the clock of this machine",
  },
  CERT_NOT_YET_VALID: {
    key: "url",
    what: "its certificate is not valid yet",
    mend: "Set the clock of this machine, or wait until it is",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    key: "url",
    what: "its certificate is for another name",
    mend: "Use the name of the certificate in `url` (and the address in `endpoint`), or renew the certificate",
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    key: "url",
    what: "it does not speak TLS there",
    mend: "Write http://, or the port where it speaks TLS",
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    key: "tls.clientCert",
    what: "it wants a certificate of ours",
    mend: "Set `tls.clientCert` and `tls.clientKey`",
  },
};

/** A connection that did not come about, as a finding. Pure. */
export const explainConnection = (error: RegistryError, attempt: Attempt): Finding => {
  const code = codesOf(error).find((one) => Object.hasOwn(REASONS, one));
  const { key, what, mend } = (code === undefined ? undefined : REASONS[code]) ?? otherwise(error);
  const { foreignOrigin } = attempt;
  if (foreignOrigin !== undefined) {
    return {
      severity: "error",
      key: `registries.${attempt.registry}`,
      what: `the registry sends us to ${foreignOrigin}, and there: ${what} (${error.detail})`,
      mend: "Open the way to this host too (`dray doctor --egress` lists them all); it serves tokens or blobs",
    };
  }
  const at = key !== "url" ? key : attempt.hasProxy ? "proxy" : attempt.hasEndpoint ? "endpoint" : "url";
  return { severity: "error", key: `registries.${attempt.registry}.${at}`, what: `${what} (${error.detail})`, mend };
};

const otherwise = (error: RegistryError): Reason =>
  error.reason === "stalled"
    ? {
        key: "url",
        what: "no answer comes in time",
        mend: "Open the way (`dray doctor --egress` lists every host and port), or look at what stands between",
      }
    : { key: "url", what: "no connection comes about", mend: "Check scheme, host and port, and what stands between" };

/** How deep the causes of an error are looked through: a client wraps the error of a socket once or twice. */
const CAUSES_MAX = 5;

/** Codes of the error and of its causes, also of several that came together (one for each address of a name). */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!(error instanceof Error) || depth > CAUSES_MAX) return [];
  const own = "code" in error && typeof error.code === "string" ? [error.code] : [];
  const together = error instanceof AggregateError ? error.errors : [];
  return [...own, ...[error.cause, ...together].flatMap((one) => codesOf(one, depth + 1))];
};

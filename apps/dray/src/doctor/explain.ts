import type { Finding, RegistryError } from "@drayage/oci-core";
import { explainConnection } from "./explain-connection.ts";

/** What was tried when an error came, as far as words depend on it. */
export interface Attempt {
  /** Name of the registry in the configuration. */
  readonly registry: string;
  /** `read`, `list` and `push` need different rights. */
  readonly doing: "list" | "read" | "push";
  /** The repository that was tried, and the key that wants it. */
  readonly wanted?: { readonly repository: string; readonly key: string } | undefined;
  /** What proves who we are. `docker`: what Docker keeps for the host, which may be nothing. */
  readonly credentials: "none" | "docker" | "configured";
  /** Whose host the last failed request went to, where that was not the registry's own. */
  readonly foreignOrigin?: string | undefined;
  readonly hasProxy: boolean;
  readonly hasEndpoint: boolean;
}

/** One error of the client, as a finding: what, which key of drayage.yaml, what to do. Pure. */
export const explain = (error: RegistryError, attempt: Attempt): Finding => {
  const at = (key: string): string => `registries.${attempt.registry}${key === "" ? "" : `.${key}`}`;
  const found = (key: string, what: string, mend: string, severity: Finding["severity"] = "error"): Finding => ({
    severity,
    key: at(key),
    what,
    mend,
  });
  const said = `${status(error)}: ${error.detail}`;
  const where = attempt.wanted === undefined ? "" : ` ${attempt.wanted.repository}`;
  switch (error.reason) {
    case "network":
    case "stalled":
      return explainConnection(error, attempt);
    case "unauthorized":
      if (error.operation === "read credentials")
        return found("auth", error.detail, "Run docker login for this host, or write the credentials into `auth`");
      return {
        none: found(
          "auth",
          `it wants credentials to ${attempt.doing}${where}, and there are none ${said}`,
          "Add `auth`",
        ),
        docker: found(
          "auth",
          `it refuses what Docker keeps for it, or Docker keeps nothing ${said}`,
          "Run docker login for this host, or write the credentials into `auth`",
        ),
        configured: found(
          "auth",
          `it refuses the credentials ${said}`,
          "Correct user and password or token, or renew what has expired",
        ),
      }[attempt.credentials];
    case "denied":
      return attempt.credentials === "none"
        ? found("auth", `it does not let everybody ${attempt.doing}${where} ${said}`, "Add `auth`")
        : found(
            "auth",
            `it knows the credentials, and they may not ${attempt.doing}${where} ${said}`,
            `Give them the right to ${RIGHTS[attempt.doing]}; some registries also say this of a repository that is not there`,
          );
    case "repository-unknown":
      return {
        severity: "error",
        key: attempt.wanted?.key ?? at(""),
        what: `${attempt.registry} has no repository${where} ${said}`,
        mend:
          attempt.doing === "push"
            ? "Create it before the first copy, or correct the template"
            : "Correct the name, or push an image there first",
      };
    case "rate-limited":
      return found(
        "limits",
        `it throttles us ${said}`,
        "Ask for a higher quota, or lower `requestsPerSecond`",
        "warning",
      );
    case "unavailable":
      return found("url", `it answers, and does not work ${said}`, "Look at the registry; Drayage goes on trying");
    case "unsafe-location":
      return found(
        /realm/.test(error.detail) ? "realms" : "url",
        error.detail,
        "If the host is yours, name it in `realms`, or correct what the registry says of itself",
      );
    case "invalid-response":
    case "too-large":
      return found(
        "url",
        `what answers is no registry, or something stands between ${said}`,
        "Check scheme, host and port; a login page or a proxy may answer in its stead",
      );
    default:
      return found("", `cannot ${attempt.doing}${where} ${said}`, MENDS[error.reason] ?? "See what the registry says");
  }
};

const RIGHTS = { list: "list", read: "pull", push: "pull and push" } as const;

const MENDS: Partial<Record<RegistryError["reason"], string>> = {
  "not-found": "Push an image there first",
  unsupported: "Use another registry for this, or ask its operator to switch it on",
  "manifest-refused": "Push the image again in the OCI or Docker schema 2 format; this one cannot be copied",
  "digest-mismatch": "Look for a proxy or a cache that changes bytes",
};

const status = ({ status: number, code }: RegistryError): string =>
  number === undefined ? "" : `(${number}${code === undefined ? "" : ` ${code}`})`;

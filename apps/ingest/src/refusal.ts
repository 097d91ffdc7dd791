import type { Problem } from "@drayage/runtime";

/** Why a request was not accepted: the label of the metric, and a row of the table below. */
export type RefusalReason =
  | "no-such-path"
  | "method"
  | "unknown-registry"
  | "not-local"
  | "content-type"
  | "bad-secret"
  | "too-large"
  | "too-slow"
  | "unparseable"
  | "too-busy"
  | "log-unavailable";

interface Refusal {
  readonly status: number;
  readonly title: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Whether news may be lost for good, because the sender will not come again with it: a reconciliation repairs that. */
  readonly losesNews: boolean;
}

/** Senders wait at least this long before they come again: a group commit takes milliseconds, a failover some seconds. */
const RETRY_AFTER = { "retry-after": "5" };

/**
 * Every refusal (DESIGN.md 4.3). Artifactory comes again only after 5xx, so what a retry can mend must be 503, and 4xx is
 * for what no retry mends (facts/artifactory.md 1.3).
 */
export const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  "no-such-path": { status: 404, title: "Not found", losesNews: false },
  method: { status: 405, title: "Method not allowed", headers: { allow: "POST" }, losesNews: false },
  "unknown-registry": { status: 404, title: "Registry not configured", losesNews: false },
  "not-local": { status: 403, title: "Registry without a secret", losesNews: true },
  "content-type": { status: 415, title: "Not JSON", headers: { accept: "application/json" }, losesNews: true },
  "bad-secret": {
    status: 401,
    title: "Secret not accepted",
    headers: { "www-authenticate": "Bearer" },
    losesNews: true,
  },
  "too-large": { status: 413, title: "Body too large", headers: { connection: "close" }, losesNews: true },
  "too-slow": { status: 408, title: "Body too slow", headers: { connection: "close" }, losesNews: true },
  unparseable: { status: 400, title: "Not a notification", losesNews: true },
  "too-busy": { status: 503, title: "Too many notifications at once", headers: RETRY_AFTER, losesNews: false },
  "log-unavailable": { status: 503, title: "Event log not available", headers: RETRY_AFTER, losesNews: false },
};

/** The problem document of a refusal. */
export const problemOf = (reason: RefusalReason, detail: string): Problem => {
  const { status, title } = REFUSALS[reason];
  return { status, title, detail, reason };
};

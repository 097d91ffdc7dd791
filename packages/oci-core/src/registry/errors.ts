import * as Data from "effect/Data";
import type { Digest } from "../model/brand.ts";

/**
 * Why a registry operation failed, in our words: one reason a row of the retry table.
 *
 * `not-found` is a typed answer (404 with a code of its own), never a guess: a 404 that carries no
 * registry error is `invalid-response`, because a proxy or the wrong backend may have sent it.
 */
export type RegistryReason =
  | "not-found" // manifest, blob or tag absent, said so by the registry
  | "repository-unknown" // NAME_UNKNOWN: create the repository, or permanent
  | "unauthorized" // 401 after one fresh token
  | "denied" // 403
  | "rate-limited" // 429
  | "unavailable" // 408, 425, 5xx
  | "network" // refused, reset, name not resolved, TLS
  | "stalled" // no byte for the stall timeout, or no answer in time
  | "digest-mismatch" // bytes are not what the descriptor promised
  | "too-large" // a bounded body went over its limit
  | "manifest-refused" // schema 1, an ambiguous document, a wrong media type: these bytes can never be copied
  | "invalid-response" // an answer that the specification does not allow
  | "invalid-request" // 400, 405, 415: permanent
  | "unsupported" // the registry says it cannot do this
  | "upload-lost" // the upload session is gone: start it again from byte 0
  | "content-missing" // MANIFEST_BLOB_UNKNOWN: a child or blob is not in this repository
  | "conflict" // immutable tag holds something else
  | "unsafe-location"; // a Location, Link, realm or redirect that we refuse to follow

/** Everything a registry can answer that is not success. Never contains a credential or a signed query. */
export class RegistryError extends Data.TaggedError("RegistryError")<{
  /** Name of the registry in the configuration, or its host. */
  readonly registry: string;
  /** What was tried, e.g. `GET manifest`. */
  readonly operation: string;
  /** `repository:tag`, `repository@digest` or the path that was asked for. */
  readonly reference: string;
  readonly reason: RegistryReason;
  /** What the other side said, or what we saw: one line, at most 500 characters. */
  readonly detail: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** Error code of the registry (`MANIFEST_UNKNOWN`). */
  readonly code?: string | undefined;
  /** With `content-missing`: what the registry named, as far as it did. Some name the first only, some nothing. */
  readonly missing?: ReadonlyArray<Digest> | undefined;
  /** The registry asked us to wait this long. */
  readonly retryAfterMs?: number | undefined;
  /** `X-Request-Id` or its kin, for a support ticket. */
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}> {
  /** One line for people: what, where, why. */
  override get message(): string {
    const status =
      this.status === undefined ? "" : ` (${this.status}${this.code === undefined ? "" : ` ${this.code}`})`;
    return `${this.operation} ${this.registry}/${this.reference}: ${this.reason}${status}: ${this.detail}`;
  }
  /** Whether the same request may succeed later, unchanged. The one table that decides it. */
  get retryable(): boolean {
    return RETRYABLE[this.reason];
  }
}

/** Whether the registry itself said that there is nothing under the name. */
export const saysAbsent = (error: RegistryError): boolean =>
  error.reason === "not-found" || error.reason === "repository-unknown";

/** Denied is retried slowly by deliveries (Xray blocks, rights that arrive later), but not by the client. */
const RETRYABLE: Readonly<Record<RegistryReason, boolean>> = {
  "not-found": false,
  "repository-unknown": false,
  unauthorized: false,
  denied: false,
  "rate-limited": true,
  unavailable: true,
  network: true,
  stalled: true,
  "digest-mismatch": true,
  "too-large": false,
  "manifest-refused": false,
  "invalid-response": true,
  "invalid-request": false,
  unsupported: false,
  "upload-lost": true,
  "content-missing": true,
  conflict: false,
  "unsafe-location": false,
};

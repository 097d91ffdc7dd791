import type { Outcome } from "@drayage/delivery";
import type { Failure, OutcomeEvent, ReplicationSucceeded, WorkItem } from "@drayage/domain";
import type { CopyResult } from "@drayage/oci-core";
import type { Digest } from "@drayage/oci-core/model";
import type { RawFailure } from "./failure.ts";

type Action = ReplicationSucceeded["action"];

/** What all outcomes of one item share, said once. */
const base = (item: WorkItem, digest?: Digest) =>
  ({
    target: item.target,
    repository: item.repository,
    tag: item.tag,
    source: item.source,
    route: item.route,
    cause: item.claimed,
    digest,
  }) satisfies Partial<OutcomeEvent>;

const NOTHING = { copied: 0, mounted: 0, present: 0 } as const;

/** Builds the outcomes of one item. Decides nothing. */
export const outcomes = (item: WorkItem) => ({
  copied: (result: CopyResult): Outcome => ({
    _tag: "Succeeded",
    held: result.digest,
    // With what an index was rewritten from: a signature of that concerns this delivery.
    manifests: [...new Set([...result.manifests, result.sourceDigest])].filter((digest) => digest !== result.digest),
    event: {
      _tag: "ReplicationSucceeded",
      ...base(item, result.digest),
      action: result.action,
      bytes: result.bytes,
      blobs: result.blobs,
      referrers: result.referrers,
      durationMs: result.durationMs,
    },
  }),
  /** Nothing had to be moved; `held` is what the target holds and we own from now on. */
  level: (action: Extract<Action, "adopted" | "unchanged" | "deleted">, held: Digest | null): Outcome => ({
    _tag: "Succeeded",
    held,
    manifests: [],
    event: {
      _tag: "ReplicationSucceeded",
      ...base(item, held ?? item.owned.at(-1)),
      action,
      bytes: NOTHING,
      blobs: NOTHING,
      referrers: 0,
      durationMs: 0,
    },
  }),
  skipped: (reason: string, detail: string): Outcome => ({
    _tag: "Skipped",
    event: { _tag: "ReplicationSkipped", ...base(item), reason, detail },
  }),
  /** In the log once for each digest, however often it is looked at. */
  waiting: (subject: Digest, detail: string, at: Date): Outcome => ({
    _tag: "Waiting",
    subject,
    detail,
    at,
    event:
      item.waitsFor === subject
        ? undefined
        : {
            _tag: "ReplicationSkipped",
            ...base(item, subject),
            reason: "waiting-signature",
            detail: `${subject}: ${detail}`,
          },
  }),
  confirming: (absentSince: Date, at: Date): Outcome => ({ _tag: "Confirming", absentSince, at }),
  failed: (failure: RawFailure, next: { readonly at: Date } | "park"): Outcome => {
    const { retryAfterMs: _, ...rest } = failure;
    const error: Failure = { ...rest, attempt: item.attempt };
    return next === "park"
      ? { _tag: "Parked", event: { _tag: "ReplicationParked", ...base(item), error } }
      : {
          _tag: "Failed",
          at: next.at,
          event: { _tag: "ReplicationFailed", ...base(item), error: { ...error, nextAttempt: next.at.toISOString() } },
        };
  },
});

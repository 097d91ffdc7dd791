import { counter, gauge, histogram } from "./metric.ts";

/**
 * Every metric of Drayage, by name (DESIGN.md section 10). Labels are names from the configuration or words of ours; never a text that a
 * sender can choose, which would let it grow our memory.
 */
export const metrics = {
  eventsAppended: counter<"type">(
    "drayage_events_appended_total",
    "Events appended to the log and committed, by type.",
  ),

  /** `outcome`: accepted (at least one event), ignored (understood and of no interest), unparseable. */
  notificationsReceived: counter<"registry" | "outcome">(
    "drayage_notifications_received_total",
    "Notifications received from registries, by outcome.",
  ),
  /** `reason`: the word of the refusal (bad-secret, too-large, ...). `registry` is empty for a name that is not configured. */
  notificationsRefused: counter<"registry" | "reason">(
    "drayage_notifications_refused_total",
    "Notifications that were refused, by reason. Not zero for long: a sender loses news, reconcile and repair it.",
  ),

  dispatchBroken: counter<"subscriber">(
    "drayage_dispatch_broken_total",
    "Events of the log that could not be understood or acted on and were passed over. They stay in the log.",
  ),
  dispatchUnmappable: counter<"subscriber">(
    "drayage_dispatch_unmappable_total",
    "Names that a route selects and cannot give a valid name at its target.",
  ),

  deliveries: gauge<"target" | "state">("drayage_deliveries", "Deliveries by target and state."),
  backlog: gauge<"target">("drayage_backlog", "Deliveries of a target with a pending request."),
  lagSeconds: gauge<"target">("drayage_lag_seconds", "Age of the oldest pending request of a target, in seconds."),

  /** `outcome`: copied, deleted, unchanged, adopted, failed, parked, skipped. */
  replications: counter<"target" | "outcome">("drayage_replications_total", "Deliveries worked on, by outcome."),
  replicationSeconds: histogram<"target">(
    "drayage_replication_seconds",
    "Time from claim to outcome of a delivery, in seconds.",
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
  ),
  parked: counter<"target" | "reason">(
    "drayage_parked_total",
    "Deliveries that stopped being retried and wait for a person.",
  ),
  retries: counter<"target" | "reason">("drayage_retries_total", "Deliveries that failed and will be tried again."),

  /** `way`: copied, mounted, present. */
  copyBytes: counter<"target" | "way">(
    "drayage_copy_bytes_total",
    "Bytes of blobs at a target, by the way they got there.",
  ),
  copyBlobs: counter<"target" | "way">("drayage_copy_blobs_total", "Blobs at a target, by the way they got there."),

  /** `status`: 2xx, 3xx, 4xx, 5xx, or `error` where no answer came. */
  registryRequests: counter<"registry" | "method" | "status">(
    "drayage_registry_requests_total",
    "Requests to registries, by method and class of status.",
  ),
  registryRateLimited: counter<"registry">("drayage_registry_rate_limited_total", "Answers 429 of registries."),

  /** `kind`: missing, different, extra, incomplete, conflict, unrouted. */
  drift: counter<"target" | "kind">("drayage_drift_total", "Differences that reconciliation found, by kind."),
  reconciliationAgeSeconds: gauge<"target">(
    "drayage_reconciliation_age_seconds",
    "Time since the last complete reconciliation of a target, in seconds.",
  ),
  guardRefusals: counter<"target" | "limit">(
    "drayage_guard_refusals_total",
    "Deletions that the guard refused, by the limit that was met.",
  ),
} as const;

import { type DomainEvent, type DomainEventTag, EVENT_TYPES } from "@drayage/domain";

/** A field that may be absent. */
interface Optional {
  readonly optional: string;
}
type Fields<E> = {
  readonly [K in Exclude<keyof E, "_tag">]-?: undefined extends E[K] ? Optional : string;
};
interface Told<E> {
  readonly when: string;
  readonly data: Fields<E>;
}
/** Every event and every field of it: the compiler sees to it that none is missing, and which are optional. */
type Reference = { readonly [T in DomainEventTag]: Told<Extract<DomainEvent, { readonly _tag: T }>> };

const optional = (text: string): Optional => ({ optional: text });

const REGISTRY = "name of the registry in the configuration";
const SOURCE_REPOSITORY = "repository at the source";
const DISPLAYED = optional("digest that the notification named; for display, the source tells");
const TARGET = {
  target: "registry name of the target",
  repository: "repository at the target",
  tag: "tag at the target",
};
const OUTCOME = {
  ...TARGET,
  source: "`{registry, repository, tag}` that it comes from",
  route: "name of the route",
  cause: "log position of the newest event that this answers",
  digest: optional("digest that it is about"),
};
const FAILURE =
  "`{side, operation, reason, detail, retryable, status?, requestId?, attempt, nextAttempt?}`: side is `source`, `target` or `drayage`";
const DELETION = { ...TARGET, digest: optional("digest that the tag has"), why: "one line" };
const RECONCILIATION = {
  reconciliation: "its id, also the `correlationid` of the drift that it found",
  scope: "`{kind, target?, route?, repository?, backfill?}`: kind is `full`, `changed` or `rescan`",
};

const ONLY_BACKFILL = optional("true: its backfill alone");

const REFERENCE: Reference = {
  ImagePushed: {
    when: "a registry told of a push",
    data: {
      registry: REGISTRY,
      repository: SOURCE_REPOSITORY,
      tag: optional("absent for what was pushed by digest, such as the children of an index"),
      digest: DISPLAYED,
      mediaType: optional("media type of the manifest"),
      platforms: optional("such as `linux/amd64`, where the notification names them"),
    },
  },
  TagDeleted: {
    when: "a registry told of a deletion",
    data: {
      registry: REGISTRY,
      repository: SOURCE_REPOSITORY,
      tag: optional("absent for a deletion by digest"),
      digest: DISPLAYED,
    },
  },
  ImagePromoted: {
    when: "a registry told of a promotion",
    data: {
      registry: REGISTRY,
      from: "`{repository, tag?}`",
      to: optional("`{repository, tag?}`"),
      move: optional("true: it is gone at `from`"),
    },
  },
  ReferrerPushed: {
    when: "a registry told of a signature, attestation or SBOM",
    data: {
      registry: REGISTRY,
      repository: SOURCE_REPOSITORY,
      subject: "digest of the image that it belongs to",
      artifactType: optional("its type"),
    },
  },
  RescanRequested: {
    when: "something happened that cannot be named as one tag, or news may be lost",
    data: { registry: REGISTRY, repository: SOURCE_REPOSITORY, reason: "one line" },
  },
  DriftFound: {
    when: "a reconciliation saw a difference; the replicator repairs it",
    data: {
      ...TARGET,
      kind: "`missing`, `different`, `extra`, `incomplete`, `conflict` or `unrouted`",
      source: OUTCOME.source,
      route: OUTCOME.route,
      wanted: optional("digest at the source"),
      held: optional("digest at the target"),
      reconciliation: "id of the reconciliation",
      backfill: optional("true: it waits for everything else"),
    },
  },
  ReplicationSucceeded: {
    when: "a target holds what it should, confirmed by the target",
    data: {
      ...OUTCOME,
      action: "`copied`, `deleted`, `unchanged` or `adopted`",
      bytes: "`{copied, mounted, present}`",
      blobs: "`{copied, mounted, present}`",
      referrers: "how many are in place",
      durationMs: "milliseconds",
    },
  },
  ReplicationFailed: { when: "an attempt failed and will be repeated", data: { ...OUTCOME, error: FAILURE } },
  ReplicationParked: { when: "a delivery waits for a person (`dray retry`)", data: { ...OUTCOME, error: FAILURE } },
  ReplicationSkipped: {
    when: "nothing was done, on purpose",
    data: {
      ...OUTCOME,
      reason:
        "such as `deletes-ignored`, `echo`, `not-owned`, `protected`, `shared-digest`, `target-hidden`, `filtered`, `superseded`, `waiting-signature`",
      detail: optional("one line"),
    },
  },
  ReconciliationStarted: { when: "a reconciliation began", data: RECONCILIATION },
  ReconciliationCompleted: {
    when: "a reconciliation ended",
    data: {
      ...RECONCILIATION,
      compared: "names that were compared",
      drift: "count of each kind",
      completeness: "`complete` or `incomplete`; nothing is deleted after an incomplete one",
      problems: "what could not be read, one line each",
      durationMs: "milliseconds",
    },
  },
  DeletionProposed: { when: "a deletion waits for approval", data: DELETION },
  DeletionRefused: { when: "a deletion was refused", data: DELETION },
  ConfigurationApplied: {
    when: "another configuration holds from here on",
    data: { revision: "hash of the effective configuration, without secrets" },
  },
  DeliveryRetried: {
    when: "somebody asked for a parked delivery again",
    data: { ...TARGET, why: "the reason that was given" },
  },
  DeliveryDiscarded: {
    when: "somebody gave a parked delivery up",
    data: { ...TARGET, why: "the reason that was given" },
  },
  TargetPaused: {
    when: "somebody paused a target: no new work begins there",
    data: { target: TARGET.target, backfill: ONLY_BACKFILL, why: "the reason that was given" },
  },
  TargetResumed: {
    when: "somebody resumed a target",
    data: { target: TARGET.target, backfill: ONLY_BACKFILL, why: "the reason that was given" },
  },
  ReplayRequested: {
    when: "somebody asked to look again at all that was asked of a target since a position",
    data: {
      target: TARGET.target,
      after: "log position",
      depth: "`tag`, `referrers` or `deep`: how deep to look",
      why: "the reason that was given",
    },
  },
  TagAdopted: {
    when: "a tag that was at a target before us equals its source, and is ours from now on",
    data: {
      ...TARGET,
      digest: "what both sides hold",
      source: "{registry, repository, tag}",
      route: "name of the route",
      reconciliation: "id of the comparison that found it",
    },
  },
};

const HEAD = `<!-- Made by apps/dray/src/reference; do not edit. To write it again: UPDATE_DOCS=1 npx vitest run src/reference, in apps/dray. -->

# Events

Everything that happened is in the log, oldest first. \`dray events --json\` and \`GET /api/v1/events\` give CloudEvents 1.0:

| attribute | means |
|---|---|
| \`specversion\`, \`id\`, \`source\`, \`type\`, \`subject\`, \`time\`, \`datacontenttype\`, \`data\` | as in CloudEvents; \`time\` is when it happened |
| \`position\` | place in the log; positions grow, and some numbers may be skipped |
| \`recordedat\` | when it was appended |
| \`actor\` | who or what caused it |
| \`causationid\`, \`correlationid\` | the event that led to it; what belongs together |
| \`traceparent\` | W3C trace context |

Events are never changed. A change that readers cannot take gets a new version of the type; new fields may appear in \`data\` at any time.
`;

/** docs/reference/events.md, from the events as they are. */
export const eventReference = (): string =>
  [HEAD, ...Object.entries(EVENT_TYPES).map(([tag, type]) => section(tag as DomainEventTag, type))].join("\n");

const section = (tag: DomainEventTag, type: string): string => {
  const { when, data } = REFERENCE[tag];
  const rows = Object.entries<string | Optional>(data).map(([name, told]) =>
    typeof told === "string" ? `| \`${name}\` | ${told} |` : `| \`${name}\`? | ${told.optional} |`,
  );
  return [`## ${tag}\n`, `\`${type}\`: ${when}.\n`, "| data | means |", "|---|---|", ...rows, ""].join("\n");
};

import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as z from "zod";
import type { DomainEvent, DomainEventTag } from "./event.ts";
import { type JsonObject, toJsonObject } from "./json.ts";
import { subjectOf } from "./subject.ts";

/** An event as the log stores it: the three CloudEvents attributes that follow from the event itself. */
export interface EncodedEvent {
  /** `io.drayage.<noun>.<verb>.v1`, see `EVENT_TYPES`. */
  readonly type: string;
  /** What it is about: `registry/repository:tag`, `registry/repository@digest` or `kind/id`. */
  readonly subject: string;
  readonly data: JsonObject;
}

/** An event of a type that this version does not know: written by a newer one. Skip it, say so, never fail. */
export interface UnknownEvent {
  readonly _tag: "UnknownEvent";
  readonly type: string;
  readonly data: unknown;
}

/** An event of a known type whose data is not what the type promises. Count it and go on: it stays in the log. */
export interface InvalidEvent {
  readonly _tag: "InvalidEvent";
  readonly type: string;
  /** One line: where and what. */
  readonly reason: string;
}

/** The public names of our events (DESIGN.md section 4.4). A change that old readers cannot take gets a new version, never a new meaning. */
export const EVENT_TYPES: Readonly<Record<DomainEventTag, string>> = {
  ImagePushed: "io.drayage.image.pushed.v1",
  TagDeleted: "io.drayage.tag.deleted.v1",
  ImagePromoted: "io.drayage.image.promoted.v1",
  ReferrerPushed: "io.drayage.referrer.pushed.v1",
  RescanRequested: "io.drayage.rescan.requested.v1",
  DriftFound: "io.drayage.drift.found.v1",
  ReplicationSucceeded: "io.drayage.replication.succeeded.v1",
  ReplicationFailed: "io.drayage.replication.failed.v1",
  ReplicationParked: "io.drayage.replication.parked.v1",
  ReplicationSkipped: "io.drayage.replication.skipped.v1",
  ReconciliationStarted: "io.drayage.reconciliation.started.v1",
  ReconciliationCompleted: "io.drayage.reconciliation.completed.v1",
  DeletionProposed: "io.drayage.deletion.proposed.v1",
  DeletionRefused: "io.drayage.deletion.refused.v1",
  ConfigurationApplied: "io.drayage.configuration.applied.v1",
  DeliveryRetried: "io.drayage.delivery.retried.v1",
  DeliveryDiscarded: "io.drayage.delivery.discarded.v1",
  TargetPaused: "io.drayage.target.paused.v1",
  TargetResumed: "io.drayage.target.resumed.v1",
  ReplayRequested: "io.drayage.replay.requested.v1",
  TagAdopted: "io.drayage.tag.adopted.v1",
};

/** A string that one of the model's parsers accepts: names are checked on the way in, because they end in URLs. */
const parsed = <A extends string>(what: string, parse: (text: string) => A | undefined) =>
  z.string().transform((text, context): A => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `not a ${what}` });
    return z.NEVER;
  });

const repository = parsed("repository name", parseRepositoryName);
const tag = parsed("tag", parseTag);
const digest = parsed("digest", parseDigest);
const count = z.number().nonnegative();
const sourceTag = z.object({ registry: z.string(), repository, tag });
const place = z.object({ repository, tag: tag.optional() });
const counts = z.object({ copied: count, mounted: count, present: count });
const outcome = {
  target: z.string(),
  repository,
  tag,
  source: sourceTag,
  route: z.string(),
  cause: count,
  digest: digest.optional(),
};
const failure = z.object({
  side: z.enum(["source", "target", "drayage"]),
  operation: z.string(),
  reason: z.string(),
  detail: z.string(),
  retryable: z.boolean(),
  status: z.number().optional(),
  requestId: z.string().optional(),
  attempt: count,
  nextAttempt: z.string().optional(),
});
const scope = z.object({
  kind: z.enum(["full", "changed", "rescan"]),
  target: z.string().optional(),
  route: z.string().optional(),
  repository: z.string().optional(),
  backfill: z.boolean().optional(),
});
const drift = z.enum(["missing", "different", "extra", "incomplete", "conflict", "unrouted"]);
const deletion = { target: z.string(), repository, tag, digest: digest.optional(), why: z.string() };

type Schemas = { readonly [T in DomainEventTag]: z.ZodType<Extract<DomainEvent, { _tag: T }>> };

/** Unknown fields are dropped, so that a newer writer may add some. */
const SCHEMAS: Schemas = {
  ImagePushed: z.object({
    _tag: z.literal("ImagePushed"),
    registry: z.string(),
    repository,
    tag: tag.optional(),
    digest: digest.optional(),
    mediaType: z.string().optional(),
    platforms: z.array(z.string()).optional(),
  }),
  TagDeleted: z.object({
    _tag: z.literal("TagDeleted"),
    registry: z.string(),
    repository,
    tag: tag.optional(),
    digest: digest.optional(),
  }),
  ImagePromoted: z.object({
    _tag: z.literal("ImagePromoted"),
    registry: z.string(),
    from: place,
    to: place.optional(),
    move: z.boolean().optional(),
  }),
  ReferrerPushed: z.object({
    _tag: z.literal("ReferrerPushed"),
    registry: z.string(),
    repository,
    subject: digest,
    artifactType: z.string().optional(),
  }),
  RescanRequested: z.object({
    _tag: z.literal("RescanRequested"),
    registry: z.string(),
    repository,
    reason: z.string(),
  }),
  DriftFound: z.object({
    _tag: z.literal("DriftFound"),
    target: z.string(),
    repository,
    tag,
    kind: drift,
    source: sourceTag,
    route: z.string(),
    wanted: digest.optional(),
    held: digest.optional(),
    reconciliation: z.string(),
    backfill: z.boolean().optional(),
  }),
  ReplicationSucceeded: z.object({
    _tag: z.literal("ReplicationSucceeded"),
    ...outcome,
    action: z.enum(["copied", "deleted", "unchanged", "adopted"]),
    bytes: counts,
    blobs: counts,
    referrers: count,
    durationMs: count,
  }),
  ReplicationFailed: z.object({ _tag: z.literal("ReplicationFailed"), ...outcome, error: failure }),
  ReplicationParked: z.object({ _tag: z.literal("ReplicationParked"), ...outcome, error: failure }),
  ReplicationSkipped: z.object({
    _tag: z.literal("ReplicationSkipped"),
    ...outcome,
    reason: z.string(),
    detail: z.string().optional(),
  }),
  ReconciliationStarted: z.object({ _tag: z.literal("ReconciliationStarted"), reconciliation: z.string(), scope }),
  ReconciliationCompleted: z.object({
    _tag: z.literal("ReconciliationCompleted"),
    reconciliation: z.string(),
    scope,
    compared: count,
    drift: z.partialRecord(drift, count),
    completeness: z.enum(["complete", "incomplete"]),
    problems: z.array(z.string()),
    durationMs: count,
  }),
  DeletionProposed: z.object({ _tag: z.literal("DeletionProposed"), ...deletion }),
  DeletionRefused: z.object({ _tag: z.literal("DeletionRefused"), ...deletion }),
  ConfigurationApplied: z.object({ _tag: z.literal("ConfigurationApplied"), revision: z.string() }),
  DeliveryRetried: z.object({
    _tag: z.literal("DeliveryRetried"),
    target: z.string(),
    repository,
    tag,
    why: z.string(),
  }),
  DeliveryDiscarded: z.object({
    _tag: z.literal("DeliveryDiscarded"),
    target: z.string(),
    repository,
    tag,
    why: z.string(),
  }),
  TargetPaused: z.object({
    _tag: z.literal("TargetPaused"),
    target: z.string(),
    backfill: z.boolean().optional(),
    why: z.string(),
  }),
  TargetResumed: z.object({
    _tag: z.literal("TargetResumed"),
    target: z.string(),
    backfill: z.boolean().optional(),
    why: z.string(),
  }),
  ReplayRequested: z.object({
    _tag: z.literal("ReplayRequested"),
    target: z.string(),
    after: count,
    depth: z.enum(["tag", "referrers", "deep"]),
    why: z.string(),
  }),
  TagAdopted: z.object({
    _tag: z.literal("TagAdopted"),
    target: z.string(),
    repository,
    tag,
    digest,
    source: sourceTag,
    route: z.string(),
    reconciliation: z.string(),
  }),
};

/** Old forms of data, by their type, turned into the newest form before they are read. Events are never rewritten, so readers upcast. */
type Upcast = (data: unknown) => { readonly type: string; readonly data: unknown };
const UPCASTS: ReadonlyMap<string, Upcast> = new Map(); // every type is at v1 today

const isEventTag = (text: string): text is DomainEventTag => Object.hasOwn(EVENT_TYPES, text);
const TAG_OF_TYPE: ReadonlyMap<string, DomainEventTag> = new Map(
  Object.keys(EVENT_TYPES)
    .filter(isEventTag)
    .map((name) => [EVENT_TYPES[name], name]),
);

/** The event in the form that the log stores. */
export const encodeEvent = (event: DomainEvent): EncodedEvent => {
  const { _tag, ...data } = event;
  return { type: EVENT_TYPES[_tag], subject: subjectOf(event), data: toJsonObject(data) };
};

/**
 * What an event of the log says. Never throws: a type that is not known, and data that is not what its type promises, come
 * back as values, so that one odd event cannot hold a subscriber up.
 */
export const decodeEvent = (stored: {
  readonly type: string;
  readonly data: unknown;
}): DomainEvent | UnknownEvent | InvalidEvent => {
  const { type, data } = UPCASTS.get(stored.type)?.(stored.data) ?? stored;
  const name = TAG_OF_TYPE.get(type);
  if (name === undefined) return { _tag: "UnknownEvent", type, data };
  if (typeof data !== "object" || data === null) return { _tag: "InvalidEvent", type, reason: "data is not an object" };
  const result = SCHEMAS[name].safeParse({ ...data, _tag: name });
  if (result.success) return result.data;
  const reason = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  return { _tag: "InvalidEvent", type, reason };
};

import type { DeliveryRequest, Failure, Guard, OutcomeEvent, WorkItem } from "@drayage/domain";
import { type Digest, parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import type { Outcome } from "../bus.ts";

const need = <A>(value: A | undefined, text: string): A => {
  if (value === undefined) throw new TypeError(`not a valid sample: ${text}`);
  return value;
};
export const repositoryName = (text: string) => need(parseRepositoryName(text), text);
export const tagName = (text: string) => need(parseTag(text), text);
/** A digest that a test can tell from others: `digestNumber(7)`. */
export const digestNumber = (n: number): Digest => {
  const text = `sha256:${n.toString(16).padStart(64, "0")}`;
  return need(parseDigest(text), text);
};

/** Small limits, so that a test reaches them. The fraction is out of the way. */
export const SAMPLE_GUARD: Guard = {
  perRepository: { most: 2, within: 3_600_000 },
  perTarget: { most: 3, within: 3_600_000, fraction: 1 },
};

/** News of `repository:tag` of registry `source`, for the same name at target `east`. */
export const sampleRequest = (name: string, position: number, more: Partial<DeliveryRequest> = {}): DeliveryRequest => {
  const [repository = "", tag = "latest"] = name.split(":");
  const names = { repository: repositoryName(repository), tag: tagName(tag) };
  return {
    target: "east",
    ...names,
    source: { registry: "source", ...names },
    route: "all",
    position,
    depth: "tag",
    priority: 20,
    requestedAt: new Date(Date.UTC(2026, 0, 1) + position * 1000),
    wakesParked: true,
    ...more,
  };
};

const about = (item: WorkItem) => ({
  target: item.target,
  repository: item.repository,
  tag: item.tag,
  source: item.source,
  route: item.route,
  cause: item.claimed,
});
const NONE = { copied: 0, mounted: 0, present: 0 };

export const succeeded = (
  item: WorkItem,
  held: Digest | null = digestNumber(1),
  manifests: ReadonlyArray<Digest> = [],
): Outcome => ({
  _tag: "Succeeded",
  event: {
    _tag: "ReplicationSucceeded",
    ...about(item),
    digest: held ?? undefined,
    action: held === null ? "deleted" : "copied",
    bytes: NONE,
    blobs: NONE,
    referrers: 0,
    durationMs: 1,
  },
  held,
  manifests,
});
/** A copy of so many bytes. */
export const weighing = (item: WorkItem, bytes: number): Outcome => {
  const outcome = succeeded(item);
  if (outcome._tag !== "Succeeded") return outcome;
  return { ...outcome, event: { ...outcome.event, bytes: { ...NONE, copied: bytes } } };
};
export const skippedEvent = (item: WorkItem, reason: string) =>
  ({ _tag: "ReplicationSkipped", ...about(item), reason }) as const satisfies OutcomeEvent;
export const skipped = (item: WorkItem, reason: string): Outcome => ({
  _tag: "Skipped",
  event: skippedEvent(item, reason),
});
export const sampleFailure: Failure = {
  side: "target",
  operation: "put manifest",
  reason: "unavailable",
  detail: "503",
  retryable: true,
  attempt: 1,
};
export const failed = (item: WorkItem, at: Date): Outcome => ({
  _tag: "Failed",
  event: { _tag: "ReplicationFailed", ...about(item), error: { ...sampleFailure, attempt: item.attempt } },
  at,
});
export const parked = (item: WorkItem): Outcome => ({
  _tag: "Parked",
  event: {
    _tag: "ReplicationParked",
    ...about(item),
    error: { ...sampleFailure, retryable: false, attempt: item.attempt },
  },
});
export const namesOf = (events: ReadonlyArray<OutcomeEvent>): ReadonlyArray<string> =>
  events.map((event) => `${event._tag} ${event.repository}:${event.tag} ${event.cause}`);

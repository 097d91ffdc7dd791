import type { RepositoryName, Tag } from "@drayage/oci-core/model";
import type { DeliveryRequest, Depth, ReferrerRequest, ReplayRequest, RescanRequest } from "./delivery.ts";
import type { DomainEvent, DriftFound, ReplayRequested } from "./event.ts";
import type { Route } from "./route.ts";
import { type CompiledRoutes, explainTag, selectsRepository, type Unmappable } from "./select.ts";

/** What one event asks for. */
export interface FanOut {
  readonly deliveries: ReadonlyArray<DeliveryRequest>;
  readonly rescans: ReadonlyArray<RescanRequest>;
  readonly referrers: ReadonlyArray<ReferrerRequest>;
  readonly replays: ReadonlyArray<ReplayRequest>;
  /** Selected, but without a valid name at the target. Nothing will be delivered: log it and count it. */
  readonly unmappable: ReadonlyArray<Unmappable>;
}

/** Distances leave room for what is in between (`DRIFT_BEHIND`). Higher goes first. */
const PRIORITY: Readonly<Record<Route["priority"], number>> = { low: 10, normal: 20, high: 30 };
/** Repairs wait for news of the same priority, since a full reconciliation may find very many, but do not wait for lower routes. */
const DRIFT_BEHIND = 5;

/** What a first comparison asks for: behind all news and all repairs, whatever their route. */
const BACKFILL: typeof PRIORITY = { low: 1, normal: 2, high: 3 };
/** Nothing above it is backfill, and all that is not is above it. What is known to be huge has one less (packages/delivery). */
export const BACKFILL_PRIORITY_MAX = 3;

const NOTHING: FanOut = { deliveries: [], rescans: [], referrers: [], replays: [], unmappable: [] };

/**
 * Which deliveries, rescans and referrers an event asks of the targets in `compiled` (all of them, or one by `onlyTarget`). Pure, so that the
 * dispatcher and a replay decide the same. An event is only a hint here: the replicator reads the source before it acts.
 */
export const fanOut = (event: DomainEvent, position: number, recordedAt: Date, compiled: CompiledRoutes): FanOut => {
  const at: At = { position, recordedAt, compiled };
  switch (event._tag) {
    case "ImagePushed":
    case "TagDeleted":
      // Without a tag, a push is a child of an index or of an image whose tag follows with a notification of its own;
      // a deletion by digest has a RescanRequested beside it (`eventOf`).
      if (event.tag !== undefined) return deliver(at, event.registry, event.repository, event.tag);
      return event._tag === "ImagePushed" && mayBeSignature(at, event.registry, event.repository)
        ? { ...NOTHING, referrers: [referrerOf({ ...event, subject: undefined }, at)] }
        : NOTHING;
    case "ImagePromoted":
      return ends(at, event.registry, event.to === undefined ? [event.from] : [event.from, event.to]);
    case "ReferrerPushed":
      if (!selectsRepository(compiled, event.registry, event.repository)) return NOTHING;
      return { ...NOTHING, referrers: [referrerOf(event, at)] };
    case "RescanRequested":
      return rescan(at, event.registry, event.repository, event.reason);
    case "DriftFound":
      return repair(at, event);
    case "ReplayRequested":
      return replay(at, event);
    case "ReplicationSucceeded":
    case "ReplicationFailed":
    case "ReplicationParked":
    case "ReplicationSkipped":
    case "ReconciliationStarted":
    case "ReconciliationCompleted":
    case "DeletionProposed":
    case "DeletionRefused":
    case "ConfigurationApplied":
    // What these say was written with their event in one transaction.
    case "DeliveryRetried":
    case "DeliveryDiscarded":
    case "TargetPaused":
    case "TargetResumed":
    case "TagAdopted":
      return NOTHING;
  }
};

interface At {
  readonly position: number;
  readonly recordedAt: Date;
  readonly compiled: CompiledRoutes;
}

const deliver = (at: At, registry: string, repository: RepositoryName, tag: Tag): FanOut => {
  const source = { registry, repository, tag };
  const mappings = explainTag(at.compiled, source);
  return {
    ...NOTHING,
    unmappable: mappings.flatMap((mapping) => (mapping._tag === "Unmappable" ? [mapping.unmappable] : [])),
    deliveries: mappings.flatMap((mapping) =>
      mapping._tag !== "Mapped"
        ? []
        : [
            {
              ...mapping.mapped,
              source,
              position: at.position,
              depth: "tag" as const,
              priority: PRIORITY[at.compiled.byName.get(mapping.mapped.route)?.route.priority ?? "normal"],
              requestedAt: at.recordedAt,
              wakesParked: true,
            },
          ],
    ),
  };
};

/** A push that names no tag may be a signature: registries do not tell what it refers to. It matters only where a route waits for one. */
const mayBeSignature = ({ compiled }: At, registry: string, repository: RepositoryName): boolean =>
  (compiled.bySource.get(registry) ?? []).some(({ route }) => route.require !== undefined) &&
  selectsRepository(compiled, registry, repository);

const rescan = ({ compiled, position }: At, registry: string, repository: RepositoryName, reason: string): FanOut =>
  selectsRepository(compiled, registry, repository)
    ? { ...NOTHING, rescans: [{ registry, repository, position, reason }] }
    : NOTHING;

/** A promotion asks for both its ends; an end that names no tag can only be looked through as a whole. Without `to`, the sender told only where it left. */
const ends = (
  at: At,
  registry: string,
  places: ReadonlyArray<{ readonly repository: RepositoryName; readonly tag?: Tag | undefined }>,
): FanOut => {
  const parts = places.map(({ repository, tag }) =>
    tag === undefined || places.length === 1
      ? join(
          tag === undefined ? NOTHING : deliver(at, registry, repository, tag),
          rescan(at, registry, repository, "promotion"),
        )
      : deliver(at, registry, repository, tag),
  );
  return parts.reduce(join, NOTHING);
};
const join = (a: FanOut, b: FanOut): FanOut => ({
  deliveries: [...a.deliveries, ...b.deliveries],
  rescans: [...a.rescans, ...b.rescans],
  referrers: [...a.referrers, ...b.referrers],
  replays: [...a.replays, ...b.replays],
  unmappable: [...a.unmappable, ...b.unmappable],
});

const replay = ({ compiled, position, recordedAt }: At, { target, after, depth }: ReplayRequested): FanOut =>
  compiled.targets.has(target)
    ? { ...NOTHING, replays: [{ target, after, position, depth, requestedAt: recordedAt }] }
    : NOTHING;

const referrerOf = (
  event: Pick<ReferrerRequest, "registry" | "repository" | "subject">,
  { position, recordedAt }: At,
): ReferrerRequest => ({
  registry: event.registry,
  repository: event.repository,
  subject: event.subject,
  position,
  requestedAt: recordedAt,
});

const DRIFT_DEPTH: Readonly<Record<DriftFound["kind"], Depth>> = {
  missing: "tag",
  different: "tag",
  extra: "tag",
  conflict: "tag",
  unrouted: "tag",
  incomplete: "deep",
};

/** Exactly the name that drifted. `unrouted` is left to a person; a route that is gone has no rules to act by, and the next reconciliation will say so. */
const repair = ({ compiled, position, recordedAt }: At, event: DriftFound): FanOut => {
  const route = compiled.byName.get(event.route);
  if (route === undefined || event.kind === "unrouted") return NOTHING;
  if (!route.targets.some(({ target }) => target.registry === event.target)) return NOTHING;
  const { target, repository, tag, source } = event;
  const request: DeliveryRequest = {
    target,
    repository,
    tag,
    source,
    route: event.route,
    position,
    depth: DRIFT_DEPTH[event.kind],
    priority: event.backfill === true ? BACKFILL[route.route.priority] : PRIORITY[route.route.priority] - DRIFT_BEHIND,
    requestedAt: recordedAt,
    wakesParked: false,
  };
  return { ...NOTHING, deliveries: [request] };
};

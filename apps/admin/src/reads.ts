import type { Config } from "@drayage/config";
import {
  type DeliveryFilter,
  type DeliveryView,
  readDeliveries,
  readImage,
  readTargets,
  type TargetSummary,
} from "@drayage/delivery";
import { decodeEvent, EVENT_TYPES, type ReconciliationCompleted, targetState } from "@drayage/domain";
import type { DatabaseShape, EventLogShape, RecordedEvent } from "@drayage/event-log";
import { metrics, prometheusText } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import type { DeliveryBody, EventBody, TargetBody } from "./wire.ts";

/** What the API, the command and the scrape read. Rejects when the database does not answer. */
export interface Reads {
  readonly targets: () => Promise<ReadonlyArray<TargetBody>>;
  readonly deliveries: (filter: DeliveryFilter) => Promise<ReadonlyArray<DeliveryBody>>;
  readonly image: (repository: string, tag: string | undefined) => Promise<ReadonlyArray<DeliveryBody>>;
  readonly events: (query: {
    /** Position, or time of recording. Without both: the newest events. */
    readonly after?: number | undefined;
    readonly since?: Date | undefined;
    readonly limit: number;
    readonly types: ReadonlyArray<string> | undefined;
  }) => Promise<{ readonly events: ReadonlyArray<EventBody>; readonly head: number }>;
  readonly metrics: () => Promise<string>;
}

/** Events that ask something of a target: what lies behind its checkpoint is not dispatched yet. */
const ASKING = [
  EVENT_TYPES.ImagePushed,
  EVENT_TYPES.TagDeleted,
  EVENT_TYPES.ImagePromoted,
  EVENT_TYPES.ReferrerPushed,
  EVENT_TYPES.DriftFound,
];
/** More than this many undispatched events are all the same to a reader. */
const UNDISPATCHED_MOST = 1000;
/** Reconciliations looked back for the last one of a target: rescans and partial runs lie between. */
const RECONCILIATIONS_BACK = 500;

export const makeReads = (config: Config, database: DatabaseShape, log: EventLogShape): Reads => {
  const query = <A>(operation: string, f: () => Promise<A>): Promise<A> => run(database.attempt(operation, f));
  const names = [...new Set(config.routes.flatMap((route) => route.to.map((to) => to.registry)))].sort();

  const targets = async (): Promise<ReadonlyArray<TargetBody>> => {
    const now = new Date();
    const summaries = new Map(
      (await query("read targets", () => readTargets(database.kysely))).map((row) => [row.target, row]),
    );
    const runs = await lastRuns(log);
    return Promise.all(
      names.map(async (name) => {
        const checkpoint = (await run(log.checkpoint(dispatchSubscriber(name)))) ?? (await run(log.head));
        const waiting = await run(log.read({ after: checkpoint, limit: UNDISPATCHED_MOST, types: ASKING }));
        return targetBody(name, summaries.get(name), runs(name), waiting.length, now);
      }),
    );
  };

  return {
    targets,
    deliveries: async (filter) =>
      (await query("read deliveries", () => readDeliveries(database.kysely, filter))).map(deliveryBody),
    image: async (repository, tag) =>
      (await query("read image", () => readImage(database.kysely, repository, tag))).map(deliveryBody),
    events: async ({ after, since, limit, types }) => {
      const wanted = types?.map(typeOf);
      const from = after ?? (since === undefined ? undefined : await run(log.positionAt(since)));
      const newest = Effect.map(log.readBackward({ limit, types: wanted }), (events) => events.toReversed());
      const events = await run(from === undefined ? newest : log.read({ after: from, limit, types: wanted }));
      return { events: events.map(eventBody), head: await run(log.head) };
    },
    metrics: async () => {
      const all = await targets();
      const states = all.flatMap((target) =>
        (["backlog", "leased", "failing", "confirming", "parked"] as const).map((state) => ({
          labels: { target: target.name, state },
          value: target[state],
        })),
      );
      metrics.deliveries.replace(states);
      metrics.backlog.replace(all.map(({ name, backlog }) => ({ labels: { target: name }, value: backlog })));
      metrics.lagSeconds.replace(all.map(({ name, lagSeconds }) => ({ labels: { target: name }, value: lagSeconds })));
      metrics.reconciliationAgeSeconds.replace(
        all.flatMap(({ name, reconciledAt }) =>
          reconciledAt === undefined
            ? []
            : [{ labels: { target: name }, value: (Date.now() - Date.parse(reconciledAt)) / 1000 }],
        ),
      );
      return prometheusText();
    },
  };
};

/** `ImagePushed` for people, `io.drayage.image.pushed.v1` for CloudEvents: both are understood. */
const typeOf = (name: string): string => Object.entries(EVENT_TYPES).find(([tag]) => tag === name)?.[1] ?? name;

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect);

/** The dispatcher's checkpoint of a target. */
const dispatchSubscriber = (target: string): string => `dispatch/${target}`;

const lastRuns = async (log: EventLogShape): Promise<(target: string) => Run | undefined> => {
  const recent = await run(
    log.readBackward({ limit: RECONCILIATIONS_BACK, types: [EVENT_TYPES.ReconciliationCompleted] }),
  );
  const runs = recent.flatMap((event): ReadonlyArray<Run> => {
    const decoded = decodeEvent(event);
    return decoded._tag === "ReconciliationCompleted" &&
      decoded.scope.kind === "full" &&
      decoded.scope.route === undefined
      ? [{ at: event.time, event: decoded }]
      : [];
  });
  return (target) => runs.find(({ event }) => event.scope.target === undefined || event.scope.target === target);
};
interface Run {
  readonly at: Date;
  readonly event: ReconciliationCompleted;
}

const targetBody = (
  name: string,
  row: TargetSummary | undefined,
  run: Run | undefined,
  undispatched: number,
  now: Date,
): TargetBody => {
  const { state, reasons } = targetState({
    backlog: row?.backlog ?? 0,
    parked: row?.parked ?? 0,
    undispatched,
    reconciliation: run === undefined ? undefined : { at: run.at, complete: run.event.completeness === "complete" },
    paused: false,
    silentSources: [],
    now,
  });
  const oldest = row?.oldestRequestAt;
  return {
    name,
    state,
    reasons: [...reasons],
    backlog: row?.backlog ?? 0,
    leased: row?.leased ?? 0,
    failing: row?.failing ?? 0,
    confirming: row?.confirming ?? 0,
    parked: row?.parked ?? 0,
    owned: row?.owned ?? 0,
    lagSeconds: oldest === undefined ? 0 : Math.max(0, (now.getTime() - oldest.getTime()) / 1000),
    lastSuccessAt: row?.lastSuccessAt?.toISOString(),
    reconciledAt: run?.at.toISOString(),
  };
};

const deliveryBody = (view: DeliveryView): DeliveryBody => ({
  ...view,
  source: { ...view.source },
  dueAt: view.dueAt?.toISOString(),
  requestedAt: view.requestedAt?.toISOString(),
  leaseUntil: view.leaseUntil?.toISOString(),
  heldAt: view.heldAt?.toISOString(),
  absentSince: view.absentSince?.toISOString(),
  parkedAt: view.parkedAt?.toISOString(),
  lastSuccessAt: view.lastSuccessAt?.toISOString(),
});

const eventBody = (event: RecordedEvent): EventBody => ({
  specversion: "1.0",
  id: event.id,
  source: event.source,
  type: event.type,
  subject: event.subject,
  time: event.time.toISOString(),
  datacontenttype: "application/json",
  data: { ...event.data },
  position: event.position,
  recordedat: event.recordedAt.toISOString(),
  actor: event.actor,
  causationid: event.causationId,
  correlationid: event.correlationId,
  traceparent: event.traceparent,
});

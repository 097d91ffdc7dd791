import type { Config } from "@drayage/config";
import { type Reconciled, readPaused, readReconciled, readTargets, type TargetSummary } from "@drayage/delivery";
import { EVENT_TYPES, targetState } from "@drayage/domain";
import { type DatabaseShape, type EventLogShape, readCheckpoints } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type { TargetBody } from "./wire.ts";

/** Events that ask something of a target: what lies behind its checkpoint is not dispatched yet. The dispatcher follows the same. */
const ASKING = [
  EVENT_TYPES.ImagePushed,
  EVENT_TYPES.TagDeleted,
  EVENT_TYPES.ImagePromoted,
  EVENT_TYPES.ReferrerPushed,
  EVENT_TYPES.DriftFound,
  EVENT_TYPES.ReplayRequested,
];
/** More than this many undispatched events are all the same to a reader. */
const UNDISPATCHED_MOST = 1000;

/** The dispatcher's checkpoint of a target, and the one that it has since its first start. */
const dispatchSubscriber = (target: string): string => `dispatch/${target}`;
const FIRST_SUBSCRIBER = "dispatch-rescans";

/** Every target of the configuration, by a number of queries that does not grow with theirs. */
export const readTargetBodies = Effect.fnUntraced(function* (
  config: Pick<Config, "routes" | "registries">,
  { kysely, attempt }: Pick<DatabaseShape, "kysely" | "attempt">,
  log: Pick<EventLogShape, "readBackward">,
  now: Date,
) {
  const names = [...new Set(config.routes.flatMap((route) => route.to.map((to) => to.registry)))].sort();
  const routing = {
    routes: config.routes,
    addressOf: (name: string) => config.registries[name]?.url.href,
  };
  const read = attempt("read targets", async () => ({
    summaries: new Map((await readTargets(kysely)).map((row) => [row.target, row])),
    paused: await readPaused(kysely),
    reconciled: await readReconciled(kysely, routing, names),
    checkpoints: await readCheckpoints(kysely, [FIRST_SUBSCRIBER, ...names.map(dispatchSubscriber)]),
  }));
  const { summaries, paused, reconciled, checkpoints } = yield* read;
  // A new target of an installation that dispatches begins at the head; one that never dispatched has it all before it.
  const begin = checkpoints.has(FIRST_SUBSCRIBER) ? Number.POSITIVE_INFINITY : 0;
  const at = new Map(names.map((name) => [name, checkpoints.get(dispatchSubscriber(name))?.position ?? begin]));
  const undispatched = yield* undispatchedAfter(log, [...at.values()]);
  return names.map((name) =>
    targetBody(name, {
      summary: summaries.get(name),
      pausedAt: paused.get(name),
      reconciled: reconciled.get(name) ?? {},
      undispatched: undispatched(at.get(name) ?? begin),
      now,
    }),
  );
});

/** How many events that ask for something lie behind a position. Where all is dispatched, which is nearly always, one row is read. */
const undispatchedAfter = Effect.fnUntraced(function* (
  log: Pick<EventLogShape, "readBackward">,
  positions: ReadonlyArray<number>,
) {
  const [newest] = yield* log.readBackward({ limit: 1, types: ASKING });
  const behind = newest !== undefined && positions.some((position) => position < newest.position);
  const events = behind ? yield* log.readBackward({ limit: UNDISPATCHED_MOST, types: ASKING }) : [];
  return (position: number): number => events.filter((event) => event.position > position).length;
});

const targetBody = (
  name: string,
  given: {
    readonly summary: TargetSummary | undefined;
    readonly pausedAt: Date | undefined;
    readonly reconciled: Reconciled;
    readonly undispatched: number;
    readonly now: Date;
  },
): TargetBody => {
  const { summary, pausedAt, undispatched, now } = given;
  const { finished, complete } = given.reconciled;
  const {
    backlog = 0,
    leased = 0,
    failing = 0,
    backfill = 0,
    confirming = 0,
    unsigned = 0,
    parked = 0,
    owned = 0,
  } = summary ?? {};
  const { state, reasons } = targetState({
    backlog,
    parked,
    undispatched,
    reconciliation:
      finished === undefined ? undefined : { at: finished.movedAt, complete: complete?.position === finished.position },
    paused: pausedAt !== undefined,
    silentSources: [],
    now,
  });
  // What a person holds back is no lag; `pausedAt` says it.
  const oldest = pausedAt === undefined ? summary?.oldestRequestAt : undefined;
  return {
    name,
    state,
    reasons: [...reasons],
    pausedAt: pausedAt?.toISOString(),
    backlog,
    leased,
    failing,
    backfill,
    confirming,
    unsigned,
    parked,
    owned,
    lagSeconds: oldest === undefined ? 0 : Math.max(0, (now.getTime() - oldest.getTime()) / 1000),
    lastSuccessAt: summary?.lastSuccessAt?.toISOString(),
    reconciledAt: finished?.movedAt.toISOString(),
    reconciledCompletelyAt: complete?.movedAt.toISOString(),
  };
};

import type { DeliveryRequest, Guard, OutcomeEvent, ReferrerRequest } from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as PubSub from "effect/PubSub";
import type { Adoption } from "../adopt-equal.ts";
import type { DeliveryBus } from "../bus.ts";
import { coalesce, nameOf, sameSource } from "../coalesce.ts";
import { depthToNumber } from "../depth.ts";
import { HUGE_PRIORITY_LESS } from "../huge.ts";
import type { NameConflict } from "../upsert.ts";
import { type MemoryState, makeMemoryBus, placeOf } from "./memory-bus.ts";
import { newRow, type Row } from "./row.ts";
import { ask, discard } from "./transitions.ts";

/** Deliveries of one process, gone with it: for tests, simulations and demonstrations. */
export interface MemoryDeliveries {
  readonly bus: DeliveryBus;
  /** As `requestWithin`. */
  readonly request: (requests: ReadonlyArray<DeliveryRequest>) => ReadonlyArray<NameConflict>;
  /** As `takeOverWithin`. */
  readonly takeOver: (requests: ReadonlyArray<DeliveryRequest>) => void;
  /** As `referrersWithin`. */
  readonly referrers: (target: string, requests: ReadonlyArray<ReferrerRequest>) => number;
  /** As `adoptWithin`. */
  readonly adopt: (adoptions: ReadonlyArray<Adoption>) => ReadonlyArray<Adoption>;
  /** As `retryParked`, without the event. Returns how many. */
  readonly retryParked: () => number;
  /** As `discardParked`, without the event. Returns how many. */
  readonly discardParked: () => number;
  /** As `pauseTarget` and `resumeTarget`, without the event. */
  readonly pause: (target: string, what?: "backfill") => boolean;
  readonly resume: (target: string, what?: "backfill") => boolean;
  /** Every row as it is now. */
  readonly rows: () => ReadonlyArray<Row>;
  /** Outcomes in the order of their reports. */
  readonly events: () => ReadonlyArray<OutcomeEvent>;
}

/** `now` in milliseconds: a test hands in its own clock. */
export const makeMemoryDeliveries = (options: {
  readonly guard: Guard;
  readonly now?: (() => number) | undefined;
}): Effect.Effect<MemoryDeliveries> =>
  Effect.gen(function* () {
    const wakes = yield* PubSub.sliding<string>(WAKES_KEPT);
    const now = options.now ?? Date.now;
    const state: MemoryState = {
      rows: new Map(),
      events: [],
      deletions: [],
      paused: new Set(),
      backfillPaused: new Set(),
      huge: new Set(),
      now,
      wake: (target) => void PubSub.publishUnsafe(wakes, target),
    };
    const write = (requests: ReadonlyArray<DeliveryRequest>, takeOver: boolean): ReadonlyArray<NameConflict> => {
      const conflicts = coalesce(requests).flatMap((wave) =>
        wave.flatMap((request) => writeOne(state, request, takeOver) ?? []),
      );
      for (const target of new Set(requests.map((request) => request.target))) state.wake(target);
      return conflicts;
    };
    return {
      bus: makeMemoryBus(state, options.guard, wakes),
      request: (requests) => write(requests, false),
      takeOver: (requests) => void write(requests, true),
      referrers: (target, requests) => requests.reduce((sum, each) => sum + writeReferrer(state, target, each), 0),
      adopt: (adoptions) => adoptions.filter((each) => adoptOne(state, each)),
      retryParked: () => {
        const parked = [...state.rows.values()].filter((row) => row.state === "parked");
        for (const row of parked) {
          state.rows.set(row.id, { ...row, state: "pending", attempts: 0, lost: 0, dueAt: now(), requestedAt: now() });
          state.wake(row.target);
        }
        return parked.length;
      },
      discardParked: () => {
        const parked = [...state.rows.values()].filter((row) => row.state === "parked");
        for (const row of parked) state.rows.set(row.id, discard(row));
        return parked.length;
      },
      pause: (target, what) => {
        const paused = what === "backfill" ? state.backfillPaused : state.paused;
        const isNew = !paused.has(target);
        paused.add(target);
        return isNew;
      },
      resume: (target, what) => {
        const wasPaused = (what === "backfill" ? state.backfillPaused : state.paused).delete(target);
        if (wasPaused) state.wake(target);
        return wasPaused;
      },
      rows: () => [...state.rows.values()],
      events: () => [...state.events],
    };
  });

/** Wakes that a listener has not heard yet; one is as good as many. */
const WAKES_KEPT = 256;

const isFree = (row: Row): boolean =>
  row.held === undefined && row.intended.length === 0 && (row.state === "idle" || row.state === "parked");

const writeOne = (state: MemoryState, given: DeliveryRequest, takeOver: boolean): NameConflict | undefined => {
  const less = state.huge.has(placeOf(given)) ? HUGE_PRIORITY_LESS : 0;
  const request = { ...given, priority: given.priority - less };
  const row = [...state.rows.values()].find((each) => nameOf(each) === nameOf(request));
  const depth = depthToNumber(request.depth);
  if (row === undefined) {
    const id = String(state.rows.size + 1);
    state.rows.set(id, newRow(id, request, depth, state.now()));
    return undefined;
  }
  if (!sameSource(row.source, request.source) && !takeOver && !isFree(row)) {
    state.rows.set(row.id, { ...row, rival: request.source });
    const isNew = row.rival === undefined || !sameSource(row.rival, request.source);
    return { rival: request, owner: row.source, delivery: row.id, isNew };
  }
  if (request.position <= row.done) return undefined;
  const news = { position: request.position, depth, at: request.requestedAt.getTime(), news: request.wakesParked };
  const resting = row.state === "idle" || row.state === "parked";
  state.rows.set(row.id, {
    ...ask(row, news, state.now()),
    source: request.source,
    route: request.route,
    priority: resting ? request.priority : Math.max(row.priority, request.priority),
    rival: sameSource(row.source, request.source) ? row.rival : undefined,
  });
  return undefined;
};

/** Of a row that no event ever asked for. */
const NOBODY_ASKED = { position: 0, depth: "tag", priority: 0, wakesParked: false } as const;

const adoptOne = (state: MemoryState, { digest, ...names }: Adoption): boolean => {
  const row = [...state.rows.values()].find((each) => nameOf(each) === nameOf(names));
  if (row !== undefined && (row.held !== undefined || row.intended.length > 0 || row.state !== "idle")) return false;
  const now = state.now();
  const id = row?.id ?? String(state.rows.size + 1);
  const nobody = { ...names, ...NOBODY_ASKED, requestedAt: new Date(now) };
  const resting = row ?? { ...newRow(id, nobody, 0, now), state: "idle" as const };
  state.rows.set(id, { ...resting, source: names.source, route: names.route, held: digest });
  return true;
};

const concerns = (row: Row, subject: Digest | undefined): boolean =>
  subject === undefined
    ? row.gate !== undefined
    : row.held === subject || row.manifests.includes(subject) || row.state === "leased";

const writeReferrer = (state: MemoryState, target: string, request: ReferrerRequest): number => {
  const found = [...state.rows.values()].filter(
    (row) =>
      row.target === target &&
      row.source.registry === request.registry &&
      row.source.repository === request.repository &&
      concerns(row, request.subject) &&
      request.position > row.done,
  );
  for (const row of found) {
    const news = {
      position: request.position,
      depth: depthToNumber("referrers"),
      at: request.requestedAt.getTime(),
      news: true,
    };
    state.rows.set(row.id, ask(row, news, state.now()));
  }
  if (found.length > 0) state.wake(target);
  return found.length;
};

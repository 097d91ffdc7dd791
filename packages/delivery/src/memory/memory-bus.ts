import {
  type Ancestor,
  BACKFILL_PRIORITY_MAX,
  checkGuard,
  type Guard,
  type OutcomeEvent,
  type WorkItem,
} from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import type * as PubSub from "effect/PubSub";
import * as Stream from "effect/Stream";
import { type DeliveryBus, LeaseLost } from "../bus.ts";
import { nameOf } from "../coalesce.ts";
import { depthOf } from "../depth.ts";
import { isHuge } from "../huge.ts";
import { CLAIM_MOST, GUARD_WINDOW_MOST_MS, INTENDED_MOST, LINEAGE_MOST } from "../limits.ts";
import { makePatience } from "../patience.ts";
import { pick } from "./pick.ts";
import type { Row } from "./row.ts";
import { expire, settle, take, untouched } from "./transitions.ts";

interface Deletion {
  readonly target: string;
  readonly repository: string;
  readonly tags: number;
  readonly at: number;
}

/** What `makeMemoryDeliveries` keeps. Rows are immutable values; the maps are not. */
export interface MemoryState {
  readonly rows: Map<string, Row>;
  /** Outcome events in the order of their reports: what the log would hold. */
  readonly events: Array<OutcomeEvent>;
  readonly deletions: Array<Deletion>;
  readonly paused: Set<string>;
  readonly backfillPaused: Set<string>;
  /** Target and repository, as `nameOf` without a tag. */
  readonly huge: Set<string>;
  readonly now: () => number;
  readonly wake: (target: string) => void;
}

/** The same promises as `makePostgresBus`, over plain maps in one process. */
export const makeMemoryBus = (state: MemoryState, guard: Guard, wakes: PubSub.PubSub<string>): DeliveryBus => {
  const turns = new Map<string, string>();
  const patience = makePatience();
  const put = (row: Row): void => void state.rows.set(row.id, row);
  const current = (item: WorkItem, neededMs = 0): Row | undefined => {
    const row = state.rows.get(item.delivery);
    if (row === undefined || row.generation !== item.generation || row.state !== "leased") return undefined;
    return row.leaseUntil > state.now() + neededMs ? row : undefined;
  };
  /** Runs `f` on the row while the lease is ours; all in one step, so nothing can come in between. */
  const whileOurs = <A>(item: WorkItem, neededMs: number, f: (row: Row) => A): Effect.Effect<A, LeaseLost> =>
    Effect.suspend(() => {
      const row = current(item, neededMs);
      return row === undefined
        ? Effect.fail(new LeaseLost({ delivery: item.delivery, generation: item.generation }))
        : Effect.sync(() => f(row));
    });

  return {
    claim: ({ target, limit, leaseMs }) =>
      Effect.sync(() => {
        const now = state.now();
        for (const row of state.rows.values()) {
          if (row.target === target && row.state === "leased" && row.leaseUntil <= now) put(expire(row, now));
        }
        if (state.paused.has(target)) return [];
        const ready = [...state.rows.values()].filter(
          (row) =>
            row.target === target &&
            row.state === "pending" &&
            row.dueAt <= now &&
            (row.priority > BACKFILL_PRIORITY_MAX || !state.backfillPaused.has(target)),
        );
        const { picked, after } = pick(ready, {
          limit: Math.min(limit, CLAIM_MOST),
          after: turns.get(target) ?? "",
          patient: patience.places(target, limit),
        });
        turns.set(target, after);
        patience.took(target, picked.length);
        return picked.map((row) => {
          const taken = take(row, now + leaseMs);
          put(taken);
          return toItem(taken, lineageOf(state, taken));
        });
      }),
    extend: (item, leaseMs) =>
      whileOurs(item, 0, (row) => {
        const leaseUntil = state.now() + leaseMs;
        put({ ...row, leaseUntil });
        return new Date(leaseUntil);
      }),
    intend: (item, digest, neededMs) =>
      whileOurs(item, neededMs, (row) =>
        put({
          ...row,
          intended: [...row.intended.filter((each) => each !== digest), digest].slice(-INTENDED_MOST),
        }),
      ),
    report: (item, outcome) =>
      whileOurs(item, 0, (row) => {
        const next = settle(row, outcome, state.now());
        put(next);
        if (outcome._tag !== "Confirming" && outcome.event !== undefined) {
          state.events.push(outcome.event);
          const huge = isHuge(outcome.event);
          if (huge === true) state.huge.add(placeOf(row));
          if (huge === false) state.huge.delete(placeOf(row));
        }
        if (next.state === "pending" && next.dueAt <= state.now()) state.wake(row.target);
      }),
    release: (item, at) =>
      Effect.sync(() => {
        const row = state.rows.get(item.delivery);
        if (row === undefined || row.generation !== item.generation || row.state !== "leased") return;
        put({ ...untouched(row), state: "pending", lost: 0, dueAt: at.getTime() });
        if (at.getTime() <= state.now()) state.wake(row.target);
      }),
    permitDelete: (item, tags, neededMs) =>
      whileOurs(item, neededMs, (row) => {
        const { target, repository } = row;
        const since = (within: number, only?: string): number =>
          state.deletions
            .filter((each) => each.target === target && (only === undefined || each.repository === only))
            .filter((each) => each.at > state.now() - Math.min(within, GUARD_WINDOW_MOST_MS))
            .reduce((sum, each) => sum + each.tags, 0);
        const held = [...state.rows.values()].filter((each) => each.target === target && each.held !== undefined);
        const counts = {
          repositoryDeleted: since(guard.perRepository.within, repository),
          targetDeleted: since(guard.perTarget.within),
          targetHeld: held.length,
        };
        const verdict = checkGuard(guard, counts, tags);
        if (verdict._tag === "Granted") state.deletions.push({ target, repository, tags, at: state.now() });
        return verdict;
      }),
    siblings: (item, digest) =>
      Effect.sync(() =>
        [...state.rows.values()]
          .filter((row) => row.target === item.target && row.repository === item.repository)
          .filter((row) => row.id !== item.delivery && (row.held === digest || row.intended.includes(digest)))
          .toSorted((a, b) => (a.tag < b.tag ? -1 : 1))
          .map((row) => ({
            delivery: row.id,
            tag: row.tag,
            sourceRegistry: row.source.registry,
            sourceRepository: row.source.repository,
            sourceTag: row.source.tag,
            absentSince: row.absentSince,
          })),
      ),
    wakes: (target) =>
      Stream.fromPubSub(wakes).pipe(
        Stream.filter((woken) => woken === target),
        Stream.map(() => undefined),
      ),
  };
};

export const placeOf = ({ target, repository }: Pick<Row, "target" | "repository">): string =>
  `${target}\n${repository}`;

/** Twin of `LINEAGE` in `claim.ts`. */
const lineageOf = (state: MemoryState, row: Row): ReadonlyArray<Ancestor> | undefined => {
  const hops: Array<Ancestor> = [];
  for (let at = row.source; hops.length < LINEAGE_MOST; ) {
    const name = { target: at.registry, repository: at.repository, tag: at.tag };
    const found = [...state.rows.values()].find((each) => nameOf(each) === nameOf(name));
    if (found === undefined) break;
    hops.push({ source: found.source, owned: ownedOf(found) });
    at = found.source;
    if (nameOf({ target: at.registry, repository: at.repository, tag: at.tag }) === nameOf(row)) break;
  }
  return hops.length === 0 ? undefined : hops;
};
const ownedOf = (row: Row): ReadonlyArray<Digest> => [
  ...new Set([...(row.held === undefined ? [] : [row.held]), ...row.intended]),
];

const toItem = (row: Row, lineage: ReadonlyArray<Ancestor> | undefined): WorkItem => ({
  delivery: row.id,
  generation: row.generation,
  target: row.target,
  repository: row.repository,
  tag: row.tag,
  source: row.source,
  route: row.route,
  claimed: row.claimed,
  depth: depthOf(row.claimedDepth),
  attempt: row.attempts + 1,
  lastReason: row.lastError?.reason,
  lineage,
  owned: ownedOf(row),
  waitsFor: row.gate?.subject,
  absentSince: row.absentSince,
  requestedAt: new Date(row.requestedAt),
  leaseUntil: new Date(row.leaseUntil),
});

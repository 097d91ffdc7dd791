import type { DeliveryRequest, DeliveryState, OutcomeEvent, ReferrerRequest, WorkItem } from "@drayage/domain";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DeliveryBus } from "../bus.ts";
import type { NameConflict } from "../upsert.ts";

/** What the contract suite needs of an implementation besides the bus: the other side of the books, and time. */
export interface BusFixture {
  readonly bus: DeliveryBus;
  /** As `requestWithin`. */
  readonly request: (requests: ReadonlyArray<DeliveryRequest>) => Effect.Effect<ReadonlyArray<NameConflict>>;
  /** As `takeOverWithin`. */
  readonly takeOver: (requests: ReadonlyArray<DeliveryRequest>) => Effect.Effect<void>;
  /** As `referrersWithin`. */
  readonly referrers: (target: string, requests: ReadonlyArray<ReferrerRequest>) => Effect.Effect<number>;
  /** Retries all that is parked. Returns how many. */
  readonly retryParked: Effect.Effect<number>;
  /** Gives all that is parked up. Returns how many. */
  readonly discardParked: Effect.Effect<number>;
  /** As `pauseTarget` and `resumeTarget`. */
  readonly pause: (target: string, what?: "backfill") => Effect.Effect<boolean>;
  readonly resume: (target: string, what?: "backfill") => Effect.Effect<boolean>;
  /** Every outcome event so far, in the order of the reports. */
  readonly outcomes: Effect.Effect<ReadonlyArray<OutcomeEvent>>;
  /** The rows, in the order of their making. */
  readonly rows: Effect.Effect<ReadonlyArray<RowView>>;
  /** Lets time pass without waiting: leases, waits and windows end that much sooner. */
  readonly later: (ms: number) => Effect.Effect<void>;
}
export interface RowView {
  readonly state: DeliveryState;
  readonly requested: number;
  readonly done: number;
  readonly requestedAt: Date;
}
export type MakeFixture = Effect.Effect<BusFixture, never, Scope.Scope>;

const LEASE_MS = 60_000;

/** One item for `worker`, or undefined. */
export const claimOne = ({ bus }: BusFixture, worker = "a", target = "east"): Effect.Effect<WorkItem | undefined> =>
  bus.claim({ target, worker, limit: 1, leaseMs: LEASE_MS }).pipe(
    Effect.map((items) => items[0]),
    Effect.orDie,
  );
/** One item; the test fails when there is none. */
export const takeOne = (fixture: BusFixture, worker = "a", target = "east"): Effect.Effect<WorkItem> =>
  claimOne(fixture, worker, target).pipe(
    Effect.filterOrFail(
      (item) => item !== undefined,
      () => new Error("there was nothing to claim"),
    ),
    Effect.orDie,
  );
export const claimNames = ({ bus }: BusFixture, limit: number, target = "east"): Effect.Effect<ReadonlyArray<string>> =>
  bus.claim({ target, worker: "a", limit, leaseMs: LEASE_MS }).pipe(
    Effect.map((items) => items.map((item) => `${item.repository}:${item.tag}`)),
    Effect.orDie,
  );
/** The tag of the failure, or "done". */
export const resultOf = <A, E extends { readonly _tag: string }>(self: Effect.Effect<A, E>): Effect.Effect<string> =>
  Effect.match(self, { onFailure: (error) => error._tag, onSuccess: () => "done" });

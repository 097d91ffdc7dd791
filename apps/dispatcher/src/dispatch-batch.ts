import { referrersWithin, replayWithin, requestWithin, rescanWithin } from "@drayage/delivery";
import { type CompiledRoutes, encodeEvent } from "@drayage/domain";
import { advanceWithin, appendWithin, type RecordedEvent, type Trx } from "@drayage/event-log";
import { settleConflicts } from "./conflicts.ts";
import { type Decided, decideBatch } from "./decide-batch.ts";

/** A batch, and the move of the checkpoint that says that it was acted on. */
export interface Batch {
  readonly subscriber: string;
  readonly from: number;
  readonly to: number;
  readonly events: ReadonlyArray<RecordedEvent>;
}
/** What has to be told about a batch after its commit. */
export type Told = Pick<Decided, "broken" | "unmappable">;
/** What a subscriber does with a batch, in one transaction. */
export type Dispatch = (trx: Trx, batch: Batch) => Promise<Told>;

/**
 * Deliveries of one target and its checkpoint, in one transaction: after a crash at any moment either both are there or neither
 * is, so no event is lost and none acts twice (invariant 2). Workers are woken by the commit.
 */
export const dispatchToTarget =
  (target: string, routes: CompiledRoutes): Dispatch =>
  async (trx, batch) => {
    // First, and with what we believe: a second dispatcher that leads by mistake fails here, before it writes anything.
    await advanceWithin(trx, batch);
    const decided = decideBatch(batch.events, routes);
    await referrersWithin(trx, target, decided.referrers);
    await replayWithin(trx, decided.replays);
    const conflicts = await requestWithin(trx, decided.deliveries);
    const parked = await settleConflicts(trx, conflicts, routes);
    const source = `/targets/${target}`;
    // Last: from here to the commit the position lock of the log is ours.
    await appendWithin(
      trx,
      parked.map((event) => ({ ...encodeEvent(event), source, actor: "dispatcher" })),
    );
    return decided;
  };

/** Rescans of every registry and their checkpoint, in one transaction. Broken events are told by the subscribers of the targets. */
export const dispatchRescans =
  (routes: CompiledRoutes): Dispatch =>
  async (trx, batch) => {
    await advanceWithin(trx, batch);
    const decided = decideBatch(batch.events, routes);
    await rescanWithin(trx, decided.rescans);
    return { broken: decided.broken, unmappable: [] };
  };

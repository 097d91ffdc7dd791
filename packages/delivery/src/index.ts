/** Deliveries: what each target still has to be brought to, who works on it, and what became of it. */
export { releaseLeasesOfDeadWorkers } from "./adopt.ts";
export { type Adoption, adoptWithin } from "./adopt-equal.ts";
export {
  BusUnavailable,
  type DeletePermit,
  type DeliveryBus,
  type Depth,
  type Failure,
  LeaseLost,
  type Outcome,
  type Sibling,
} from "./bus.ts";
export { Bus } from "./bus-service.ts";
export { DELIVERY_CHANNEL, RESCAN_CHANNEL, wakeTarget } from "./channel.ts";
export { lead } from "./leadership.ts";
export { type MemoryDeliveries, makeMemoryDeliveries } from "./memory/memory-deliveries.ts";
export { deliveryMigrations } from "./migrations.ts";
export { discardParked, type ParkedRequest, retryParked, type WasParked } from "./parked.ts";
export { type PauseRequest, pauseTarget, readPaused, resumeTarget, setBackfillWindow } from "./pause.ts";
export { makePostgresBus, postgresBusLayer } from "./postgres-bus.ts";
export { type DeliveryFilter, type DeliveryView, readDeliveries, readImage } from "./read.ts";
export {
  type BookEntry,
  ownedRepositories,
  ownedTags,
  type PendingRescan,
  pendingKeys,
  pendingRescans,
  readBooks,
  readSourceBooks,
  sourceRepositories,
} from "./read-books.ts";
export { readTargets, type TargetSummary } from "./read-targets.ts";
export { markReconciled, type Reconciled, type Routing, readReconciled } from "./reconciled.ts";
export { referrersWithin } from "./referrers.ts";
export { replayWithin } from "./replays.ts";
export { claimRescans, extendRescan, finishRescan, type Rescan, releaseRescan, rescanWithin } from "./rescans.ts";
export { deletesOff, type Mark, noticeRestore, readMark, restoredPosition, writeMark } from "./restored.ts";
export { type NameConflict, requestWithin, takeOverWithin } from "./upsert.ts";

/** The log becomes deliveries: one checkpoint for each target, routes decide. */
export { type JudgedConflicts, judgeConflicts } from "./conflicts.ts";
export { type Decided, decideBatch } from "./decide-batch.ts";
export { dispatcher, dispatchRoutes } from "./dispatcher.ts";
export { RESCAN_TYPES, RESCANS_SUBSCRIBER, TARGET_TYPES, targetSubscriber } from "./subscribers.ts";

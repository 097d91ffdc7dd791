/** Compares both sides on schedule, on demand and for rescans; appends drift and never copies. */
export { databaseBooks, noBooks } from "./books.ts";
export type { Difference } from "./look.ts";
export { type Extent, type Reconcile, type Report, reconcile } from "./reconcile.ts";
export { reconciler } from "./reconciler.ts";
export { openAll, type Reconciler, reconcileAndAppend, routesOf } from "./run.ts";

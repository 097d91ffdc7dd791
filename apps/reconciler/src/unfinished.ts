import { readReconciled, restoredPosition } from "@drayage/delivery";
import type { ReconciliationScope } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { type Reconciler, reconcileAndAppend, routingOf, targetsOf } from "./run.ts";

/**
 * Reconciles the targets of which not everything is known: those that are new or routed in another way, since the log does not hold what is
 * older than we are (DESIGN.md section 8), and those whose last reconciliation could not read everything. True: there are none left.
 */
export const catchUp = Effect.fnUntraced(function* (context: Reconciler) {
  const all = targetsOf(context.config);
  const open = yield* unfinished(context);
  if (open.length === 0) return true;
  // What a target never had may be very much: it goes behind what is told from now on.
  const isNew = yield* neverComplete(context);
  const backfill = open.every((target) => isNew.has(target)) ? true : undefined;
  const scopes: ReadonlyArray<ReconciliationScope> =
    open.length === all.length
      ? [{ kind: "full", backfill }]
      : open.map((target) => ({ kind: "full", target, backfill: isNew.has(target) ? true : undefined }));
  for (const scope of scopes) yield* reconcileAndAppend(context, scope);
  const left = yield* unfinished(context);
  if (left.length > 0)
    yield* Effect.logWarning(`not everything of ${left.join(", ")} could be read; it is tried again`);
  return left.length === 0;
});

/** Targets without any complete reconciliation, as they are routed now. */
const neverComplete = Effect.fnUntraced(function* ({ config, database }: Reconciler) {
  const targets = targetsOf(config);
  const known = yield* database.attempt("read reconciliations", () =>
    readReconciled(database.kysely, routingOf(config), targets),
  );
  return new Set(targets.filter((target) => known.get(target)?.complete === undefined));
});

/** Targets without a complete reconciliation since the last that was not, or since our books were restored from a backup. */
export const unfinished = Effect.fnUntraced(function* ({ config, database }: Reconciler) {
  const targets = targetsOf(config);
  const known = yield* database.attempt("read reconciliations", () =>
    readReconciled(database.kysely, routingOf(config), targets),
  );
  const restored = yield* database.attempt("read restore", () => restoredPosition(database.kysely));
  return targets.filter((target) => {
    const { complete, finished } = known.get(target) ?? {};
    return (
      complete === undefined ||
      complete.position !== finished?.position ||
      (restored !== undefined && complete.position <= restored)
    );
  });
});

import type { Config } from "@drayage/config";
import { decodeEvent, EVENT_TYPES, type ReconciliationScope } from "@drayage/domain";
import { advanceWithin, Database, EventLog } from "@drayage/event-log";
import type { RepositoryName } from "@drayage/oci-core/model";
import type { Registries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import { rescans } from "./rescan.ts";
import { type Reconciler, reconcileAndAppend } from "./run.ts";
import { onCron } from "./schedule.ts";

/** How far `changed` has read the log. */
const CHANGED_SUBSCRIBER = "reconcile/changed";
/** Events read at once when looking which repositories moved. */
const PAGE = 5_000;
/** Reconciliations looked back for the last full one of each target. */
const LOOK_BACK = 500;

const MOVED = [EVENT_TYPES.ImagePushed, EVENT_TYPES.TagDeleted, EVENT_TYPES.ImagePromoted, EVENT_TYPES.ReferrerPushed];

/** Compares on schedule, at once for targets that never were, and whenever a rescan is asked for; until it is interrupted. */
export const reconciler = Effect.fnUntraced(function* (options: {
  readonly config: Config;
  readonly registries: Registries;
}) {
  const context: Reconciler = { ...options, database: yield* Database, log: yield* EventLog };
  const { reconcile: crons } = options.config;
  // A full run and one of what changed would compare the same names at the same time.
  const one = yield* Semaphore.make(1);
  const job = (what: string, run: Effect.Effect<unknown, { readonly message: string }>) =>
    one.withPermit(run).pipe(
      Effect.catch((error) => Effect.logWarning(`${what} did not run: ${error.message}; the next one will look again`)),
      Effect.asVoid,
    );
  yield* Effect.all(
    [
      job("the first reconciliation", first(context)),
      crons.full === undefined ? Effect.void : onCron(crons.full, job("the full reconciliation", full(context))),
      crons.changed === undefined
        ? Effect.void
        : onCron(crons.changed, job("the reconciliation of changes", changed(context))),
      rescans(context),
    ],
    { concurrency: "unbounded", discard: true },
  );
});

const full = (context: Reconciler) => reconcileAndAppend(context, { kind: "full" });

/** Targets that no full reconciliation covers yet: the log does not hold what is older than we are (DESIGN.md section 8). */
const first = Effect.fnUntraced(function* (context: Reconciler) {
  const recent = yield* context.log.readBackward({ limit: LOOK_BACK, types: [EVENT_TYPES.ReconciliationCompleted] });
  const done = new Set<string | undefined>();
  for (const event of recent) {
    const decoded = decodeEvent(event);
    if (
      decoded._tag === "ReconciliationCompleted" &&
      decoded.scope.kind === "full" &&
      decoded.completeness === "complete"
    ) {
      done.add(decoded.scope.target);
    }
  }
  const targets = new Set(context.config.routes.flatMap((route) => route.to.map((to) => to.registry)));
  if (done.has(undefined)) {
    yield* Effect.logDebug("every target was reconciled before");
    return;
  }
  const missing = [...targets].filter((target) => !done.has(target));
  const scopes: ReadonlyArray<ReconciliationScope> =
    missing.length === targets.size ? [{ kind: "full" }] : missing.map((target) => ({ kind: "full", target }));
  for (const scope of scopes) yield* reconcileAndAppend(context, scope);
});

/** Source repositories that moved since the last run: what their events did not bring is found within minutes. */
const changed = Effect.fnUntraced(function* (context: Reconciler) {
  const { log, database } = context;
  const start = (yield* log.checkpoint(CHANGED_SUBSCRIBER)) ?? (yield* log.head);
  const moved = new Map<string, Set<RepositoryName>>();
  let position = start;
  while (true) {
    const page = yield* log.read({ after: position, limit: PAGE, types: MOVED });
    for (const event of page) note(moved, decodeEvent(event));
    position = page.at(-1)?.position ?? position;
    if (page.length < PAGE) break;
  }
  for (const [registry, repositories] of moved) {
    yield* reconcileAndAppend(
      context,
      { kind: "changed", repository: [...repositories].join(" ") },
      { _tag: "Some", registry, repositories: [...repositories] },
    );
  }
  const to = position;
  yield* database.transaction("advance changed", (trx) => advanceWithin(trx, { subscriber: CHANGED_SUBSCRIBER, to }));
});

const note = (moved: Map<string, Set<RepositoryName>>, event: ReturnType<typeof decodeEvent>): void => {
  for (const { registry, repository } of placesOf(event)) {
    moved.set(registry, (moved.get(registry) ?? new Set()).add(repository));
  }
};

const placesOf = (event: ReturnType<typeof decodeEvent>) => {
  switch (event._tag) {
    case "ImagePushed":
    case "TagDeleted":
    case "ReferrerPushed":
      return [event];
    case "ImagePromoted": {
      const { registry, from, to } = event;
      return [from, ...(to === undefined ? [] : [to])].map(({ repository }) => ({ registry, repository }));
    }
    default:
      return [];
  }
};

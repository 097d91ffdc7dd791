import { createHash } from "node:crypto";
import type { Route } from "@drayage/domain";
import { advanceWithin, type Checkpoint, readCheckpoints, type Trx } from "@drayage/event-log";
import type { QueryExecutorProvider } from "kysely";

/** What the books know of the reconciliations of one target, as it is routed now. */
export interface Reconciled {
  /** The last one that covered the whole target, whether or not everything could be read. */
  readonly finished?: Checkpoint | undefined;
  /** The last one that could read everything of this target. */
  readonly complete?: Checkpoint | undefined;
}

/** What a target is routed by. Another value: it was never reconciled as it is now (DESIGN.md section 8, new or changed targets). */
export interface Routing {
  readonly routes: ReadonlyArray<Route>;
  /** Address of a registry: one that moved is another one. */
  readonly addressOf: (registry: string) => string | undefined;
}

/**
 * Marks whole targets as reconciled by the event at `position`. Call it right after that event was appended in the same transaction: then
 * the lock of the log keeps two reconciliations that end together in order, and no mark goes back.
 */
export const markReconciled = async (
  trx: Trx,
  routing: Routing,
  marks: {
    readonly position: number;
    readonly finished: ReadonlyArray<string>;
    readonly complete: ReadonlyArray<string>;
  },
): Promise<void> => {
  const { position: to } = marks;
  for (const target of marks.finished.toSorted()) {
    await advanceWithin(trx, { subscriber: markOf("finished", target, routing), to });
    if (marks.complete.includes(target))
      await advanceWithin(trx, { subscriber: markOf("complete", target, routing), to });
  }
};

/** Of all `targets`, in one query. */
export const readReconciled = async (
  db: QueryExecutorProvider,
  routing: Routing,
  targets: ReadonlyArray<string>,
): Promise<ReadonlyMap<string, Reconciled>> => {
  const names = targets.map((target) => ({
    target,
    finished: markOf("finished", target, routing),
    complete: markOf("complete", target, routing),
  }));
  const found = await readCheckpoints(
    db,
    names.flatMap(({ finished, complete }) => [finished, complete]),
  );
  return new Map(
    names.map(({ target, finished, complete }) => [
      target,
      { finished: found.get(finished), complete: found.get(complete) },
    ]),
  );
};

/** Name in table `checkpoint`: never change it, or every target counts as new. */
const markOf = (what: keyof Reconciled, target: string, routing: Routing): string =>
  `reconcile/${what}/${target}/${fingerprint(target, routing)}`;

/** Enough of sha-256 that two configurations of one target do not meet. */
const FINGERPRINT_CHARACTERS = 16;

const fingerprint = (target: string, { routes, addressOf }: Routing): string => {
  const mine = routes
    .map((route) => ({ ...route, to: route.to.filter(({ registry }) => registry === target) }))
    .filter(({ to }) => to.length > 0)
    .map((route) => [canonical(route), addressOf(route.from)]);
  const text = JSON.stringify([addressOf(target), mine]);
  return createHash("sha256").update(text).digest("hex").slice(0, FINGERPRINT_CHARACTERS);
};

/** The same text for the same value, in whatever order its keys were written. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, canonical(inner)]);
};

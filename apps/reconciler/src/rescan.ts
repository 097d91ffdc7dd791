import { hostname } from "node:os";
import {
  claimRescans,
  extendRescan,
  finishRescan,
  RESCAN_CHANNEL,
  type Rescan,
  releaseRescan,
} from "@drayage/delivery";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import { type Reconciler, reconcileAndAppend } from "./run.ts";

const LEASE_MS = 60_000;
/** Two beats may be lost before the lease is. */
const BEAT_EVERY = "20 seconds";
/** Wakes can be lost, so we look by ourselves as well. */
const POLL_EVERY = "2 seconds";
/** A repository that could not be compared completely is looked through again this much later, at the least. */
const AGAIN_MIN_MS = 30_000;
/** And at the most: what is back should be level soon. Between them, a quarter of the time that it has waited already. */
const AGAIN_MAX_MS = 10 * 60_000;
const AGAIN_SHARE = 0.25;
/** Rescans of different repositories at once. */
const AT_ONCE = 2;

/**
 * Works on rescans: what could not be named as one tag (a deletion by digest, a promotion of a whole repository) is a durable, coalesced
 * reconciliation of that repository. Done only when the comparison was complete. Runs until interrupted.
 */
export const rescans = Effect.fnUntraced(function* (context: Reconciler) {
  const { database } = context;
  const worker = `${hostname()}/${process.pid}/reconciler`;
  const signals = yield* Queue.sliding<void>(AT_ONCE);
  const signal = Effect.asVoid(Queue.offer(signals, undefined));
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(signal, Effect.sleep(POLL_EVERY))));
  const wake = () => void Queue.offerUnsafe(signals, undefined);
  yield* database.listen(RESCAN_CHANNEL, { onPayload: wake, onConnect: wake });
  // Each takes one at a time, so that a repository that takes long holds up only one of them.
  const round = database
    .attempt("claim rescans", () => claimRescans(database.kysely, { worker, limit: 1, leaseMs: LEASE_MS }))
    .pipe(
      // There may be more: one that is idle looks while we work.
      Effect.tap((claimed) => (claimed.length > 0 ? signal : Effect.void)),
      Effect.tap((claimed) => Effect.forEach(claimed, (rescan) => rescanOne(context, rescan), { discard: true })),
      Effect.tap((claimed) => (claimed.length > 0 ? signal : Effect.void)),
      Effect.catchTag("DatabaseError", ({ message }) => Effect.logWarning(`rescans wait for the database: ${message}`)),
    );
  const workers = Array.from({ length: AT_ONCE }, () => Effect.forever(Effect.andThen(Queue.take(signals), round)));
  yield* Effect.all(workers, { concurrency: "unbounded", discard: true });
  return yield* Effect.never;
}, Effect.scoped);

const rescanOne = Effect.fnUntraced(function* (context: Reconciler, rescan: Rescan) {
  const name = `${rescan.registry}/${rescan.repository}`;
  const work = reconcileAndAppend(
    context,
    { kind: "rescan", repository: name },
    { _tag: "Some", registry: rescan.registry, repositories: [rescan.repository] },
  );
  yield* Effect.raceFirst(work, untilLost(context, rescan)).pipe(
    Effect.flatMap((report) => {
      if (report === "lost") return Effect.logWarning(`another reconciler looks through ${name}`);
      if (report.completeness === "complete") return finish(context, rescan);
      const [problem] = report.problems;
      return Effect.andThen(
        Effect.logWarning(`${name} could not be compared completely: ${problem}`),
        again(context, rescan),
      );
    }),
    Effect.catchTag(["DatabaseError", "EventInvalid", "LogUnavailable", "RegistryOpenError"], ({ message }) =>
      Effect.andThen(Effect.logWarning(`${name} could not be looked through: ${message}`), again(context, rescan)),
    ),
    // A repository that a bug of ours chokes on holds up no other.
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError(`${name} met a fault of Drayage`, defect), again(context, rescan)),
    ),
  );
});

/** Keeps the lease alive; ends when somebody else has it. A database that is away for a beat takes it from nobody. */
const untilLost = ({ database }: Reconciler, rescan: Rescan) =>
  database
    .attempt("extend rescan", () => extendRescan(database.kysely, rescan, LEASE_MS))
    .pipe(
      Effect.catchTag("DatabaseError", ({ message }) => Effect.as(Effect.logWarning(message), true)),
      Effect.delay(BEAT_EVERY),
      Effect.repeat({ while: (held) => held }),
      Effect.as("lost" as const),
    );

const finish = Effect.fnUntraced(function* ({ database }: Reconciler, rescan: Rescan) {
  const held = yield* database.attempt("finish rescan", () => finishRescan(database.kysely, rescan));
  if (!held) yield* Effect.logWarning(`the lease of ${rescan.registry}/${rescan.repository} ran out; it is done again`);
});

const again = Effect.fnUntraced(function* ({ database }: Reconciler, rescan: Rescan) {
  const now = yield* Clock.currentTimeMillis;
  const waited = (now - rescan.requestedAt.getTime()) * AGAIN_SHARE;
  const at = new Date(now + Math.min(Math.max(waited, AGAIN_MIN_MS), AGAIN_MAX_MS));
  yield* database.attempt("release rescan", () => releaseRescan(database.kysely, rescan, at));
});

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
const BEAT_EVERY = "20 seconds";
/** Wakes can be lost, so we look by ourselves as well. */
const POLL_EVERY = "2 seconds";
/** A repository that could not be compared completely is looked through again this much later. */
const AGAIN_MS = 30_000;
/** Rescans of different repositories at once. */
const AT_ONCE = 2;

/**
 * Works on rescans: what could not be named as one tag (a deletion by digest, a promotion of a whole repository) is a durable, coalesced
 * reconciliation of that repository. Done only when the comparison was complete.
 */
export const rescans = Effect.fnUntraced(function* (context: Reconciler) {
  const { database } = context;
  const worker = `${hostname()}/${process.pid}/reconciler`;
  const signals = yield* Queue.sliding<void>(1);
  const signal = Effect.asVoid(Queue.offer(signals, undefined));
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(signal, Effect.sleep(POLL_EVERY))));
  const wake = () => void Queue.offerUnsafe(signals, undefined);
  yield* database.listen(RESCAN_CHANNEL, { onPayload: wake, onConnect: wake });
  const round = database
    .attempt("claim rescans", () => claimRescans(database.kysely, { worker, limit: AT_ONCE, leaseMs: LEASE_MS }))
    .pipe(
      Effect.tap((claimed) =>
        Effect.forEach(claimed, (rescan) => rescanOne(context, rescan), { concurrency: AT_ONCE, discard: true }),
      ),
      Effect.tap((claimed) => (claimed.length === AT_ONCE ? signal : Effect.void)),
      Effect.catchTag("DatabaseError", (error) => Effect.logWarning("rescans wait for the database", error)),
    );
  yield* Effect.forever(Effect.andThen(Queue.take(signals), round));
}, Effect.scoped);

const rescanOne = Effect.fnUntraced(function* (context: Reconciler, rescan: Rescan) {
  const { database } = context;
  const { registry, repository } = rescan;
  const work = reconcileAndAppend(
    context,
    { kind: "rescan", repository: `${registry}/${repository}` },
    { _tag: "Some", registry, repositories: [repository] },
  );
  const beat = database
    .attempt("extend rescan", () => extendRescan(database.kysely, rescan, LEASE_MS))
    .pipe(
      Effect.delay(BEAT_EVERY),
      Effect.repeat({ while: (held) => held }),
      Effect.andThen(Effect.fail("lost" as const)),
    );
  const again = Effect.gen(function* () {
    const at = new Date((yield* Clock.currentTimeMillis) + AGAIN_MS);
    yield* database.attempt("release rescan", () => releaseRescan(database.kysely, rescan, at));
  });
  yield* Effect.raceFirst(work, beat).pipe(
    Effect.flatMap((report) =>
      report.completeness === "complete"
        ? Effect.asVoid(database.attempt("finish rescan", () => finishRescan(database.kysely, rescan)))
        : Effect.andThen(
            Effect.logWarning(`${registry}/${repository} could not be compared completely`, report.problems),
            again,
          ),
    ),
    Effect.catch((error) =>
      error === "lost"
        ? Effect.logWarning(`another reconciler looks through ${registry}/${repository}`)
        : Effect.andThen(Effect.logWarning(`${registry}/${repository} could not be looked through`, error), again),
    ),
  );
});

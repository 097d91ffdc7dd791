import type { BusUnavailable, DeliveryBus, LeaseLost, Outcome } from "@drayage/delivery";
import { attemptOf, decide, nextAttempt, type WorkItem, type WorkPolicy } from "@drayage/domain";
import { type Copier, type CopyProgress, type Registry, type Resolved, wantedAtTarget } from "@drayage/oci-core";
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import { type Copied, type Copying, copyToTarget } from "./copy-to-target.ts";
import {
  internal,
  movesTooOften,
  noPlatform,
  onSource,
  onTarget,
  type RawFailure,
  refused,
  repositoryHidden,
  signOf,
  unproven,
} from "./failure.ts";
import { passGate, type VerifierOf } from "./gate.ts";
import { goneAtTarget } from "./gone-at-target.ts";
import { outcomes } from "./outcome.ts";
import { type Gone, proveAbsence } from "./prove-absence.ts";
import { removeFromTarget } from "./remove-from-target.ts";
import type { TargetSign } from "./target-health.ts";

/** What one replicator works with. */
export interface Replicate {
  readonly bus: DeliveryBus;
  readonly copier: Pick<Copier, "copy">;
  readonly target: Registry;
  readonly registryOf: (name: string) => Registry | undefined;
  /** The rules of a delivery that brought none. */
  readonly policyOf: (item: WorkItem) => WorkPolicy | undefined;
  /** For routes that ask for signatures. Without it nothing of these is copied. */
  readonly verifierOf?: VerifierOf | undefined;
  /** For terminals: what moves right now. */
  readonly onProgress?: ((item: WorkItem, progress: CopyProgress) => void) | undefined;
}

/** How an attempt ended, and what it told about the target as such. */
export interface Done {
  readonly outcome: Outcome;
  readonly target: TargetSign;
}

/** A source tag that moves more often than this during its own copies is tried again later. */
const ROUNDS_MOST = 5;

/**
 * One delivery: read both sides as they are now, decide (pure, `domain/decide.ts`), act, say what became of it. The event that asked for it is
 * a hint, so late, doubled and reordered ones do no harm (DESIGN.md section 2, idea 1). A defect is a failure of this delivery alone.
 */
export const replicate = (context: Replicate, item: WorkItem): Effect.Effect<Done, LeaseLost | BusUnavailable> =>
  Effect.suspend(() => {
    const route = item.policy ?? context.policyOf(item);
    const source = context.registryOf(item.source.registry);
    return route === undefined || source === undefined
      ? Effect.succeed(unrouted(item))
      : Effect.map(act(context, item, route, source), (outcome): Done => ({ outcome, target: { _tag: "Answered" } }));
  }).pipe(
    Effect.catchTag("ReplicateError", (error) => failed(item, error.failure)),
    Effect.catchDefect((defect) =>
      Effect.logError("a bug ended the work on a delivery", { delivery: item.delivery }, Cause.die(defect)).pipe(
        Effect.andThen(failed(item, internal(defect))),
      ),
    ),
  );

const unrouted = (item: WorkItem): Done => ({
  outcome: outcomes(item).skipped("unrouted", `route ${item.route} is not in the configuration any more`),
  target: { _tag: "Unknown" },
});

/** Round by round: a tag that moved while we copied is decided upon again, with what we put counted as ours, so that the newest push wins. */
const act = Effect.fnUntraced(function* (context: Replicate, item: WorkItem, route: WorkPolicy, source: Registry) {
  let round: Round = { context, route, source, item, ...(yield* observe(item, source, context.target)) };
  for (let count = 1; count <= ROUNDS_MOST; count += 1) {
    const copied: Copied = yield* once(round);
    if (copied._tag === "Ended") return copied.outcome;
    const { held, wanted } = copied;
    round = { ...round, wanted, held, item: { ...item, owned: [...round.item.owned, held.digest] } };
  }
  return yield* movesTooOften(item, ROUNDS_MOST);
});

interface Round extends Omit<Copying, "wanted"> {
  readonly wanted: Resolved | undefined;
}

const once = Effect.fnUntraced(function* (round: Round) {
  const { context, item, route, source, held } = round;
  const says = outcomes(item);
  const ended = (outcome: Outcome): Copied => ({ _tag: "Ended", outcome });
  // HEAD has no body, so its 404 is a guess. Before anything follows from an absence, a GET has to say it in words.
  const seen = round.wanted === undefined ? yield* absenceAt(source, item) : undefined;
  const absence = seen?._tag === "Present" ? undefined : seen;
  const wanted = seen?._tag === "Present" ? seen.found : round.wanted;
  const aim = wanted === undefined ? undefined : yield* aimOf(item, route, source, wanted);
  const decision = decide({
    item,
    policy: route,
    source: aim?.digest ?? "absent",
    target: held?.digest ?? "absent",
  });
  switch (decision._tag) {
    case "Copy": {
      if (wanted === undefined) return yield* unproven(item, "nothing to copy");
      // What the target holds already came through the gate, or was there before it.
      const isNew = decision.why === "missing" || decision.why === "changed";
      const waiting = isNew ? yield* passGate(context.verifierOf, item, route, source, wanted) : undefined;
      return waiting === undefined ? yield* copyToTarget({ ...round, wanted }) : ended(waiting);
    }
    case "Adopt":
      return ended(says.level("adopted", decision.digest));
    case "Unchanged":
      return ended(says.level("unchanged", decision.digest));
    case "Gone":
      return ended(yield* goneAtBoth(item, context.target, absence));
    case "Conflict":
      return yield* refused("conflict", decision.detail);
    case "Skip":
      return ended(says.skipped(decision.reason, `${decision.detail}${isHidden(absence) ? HIDDEN : ""}`));
    case "ProveAbsence":
      return ended(yield* removeFromTarget({ context, item, route, digest: decision.digest, absence }));
  }
});

/** What the target is to hold: not what the source has where the route rewrites indexes. */
const aimOf = Effect.fnUntraced(function* (item: WorkItem, route: WorkPolicy, source: Registry, wanted: Resolved) {
  const aim = yield* onSource(wantedAtTarget(source, item.source.repository, wanted, route.platforms));
  return aim ?? (yield* noPlatform(item));
});

const absenceAt = Effect.fnUntraced(function* (source: Registry, item: WorkItem) {
  const absence = yield* onSource(proveAbsence(source, item.source.repository, item.source.tag));
  if (absence._tag === "Unproven") return yield* unproven(item, absence.why);
  return absence;
});

/** Neither side has the tag. What we never had from a repository that is hidden from us is not well: the push that was announced never arrived. */
const goneAtBoth = Effect.fnUntraced(function* (item: WorkItem, target: Registry, absence: Gone | undefined) {
  if (item.owned.length > 0) return yield* goneAtTarget(item, target);
  return isHidden(absence) ? yield* repositoryHidden(item) : outcomes(item).level("unchanged", null);
});

const isHidden = (absence: Gone | undefined): boolean =>
  absence?._tag === "RepositoryGone" && absence.how === "unknown";
const HIDDEN = "; the source does not know the repository any more, or hides it from us";

/** Both sides at the same time. */
const observe = Effect.fnUntraced(function* (item: WorkItem, source: Registry, target: Registry) {
  const [wanted, held] = yield* Effect.all(
    [
      onSource(source.resolve(item.source.repository, item.source.tag)),
      onTarget(target.resolve(item.repository, item.tag)),
    ],
    { concurrency: 2 },
  );
  return { wanted, held };
});

const failed = Effect.fnUntraced(function* (item: WorkItem, failure: RawFailure) {
  const now = new Date(yield* Clock.currentTimeMillis);
  const random = yield* Random.next;
  const attempt = attemptOf({ reason: failure.reason, attempt: item.attempt, lastReason: item.lastReason });
  const next = nextAttempt({
    reason: failure.reason,
    side: failure.side,
    attempt,
    retryAfterMs: failure.retryAfterMs,
    now,
    random,
  });
  return { outcome: outcomes({ ...item, attempt }).failed(failure, next), target: signOf(failure) } satisfies Done;
});

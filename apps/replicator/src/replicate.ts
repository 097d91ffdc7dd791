import type { BusUnavailable, DeliveryBus, LeaseLost, Outcome } from "@drayage/delivery";
import { decide, nextAttempt, type Route, type WorkItem } from "@drayage/domain";
import type { Copier, CopyProgress, Registry, Resolved } from "@drayage/oci-core";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import { copyToTarget } from "./copy-to-target.ts";
import { onSource, onTarget, type RawFailure, type ReplicateError, refused, unproven } from "./failure.ts";
import { outcomes } from "./outcome.ts";
import { proveAbsence } from "./prove-absence.ts";
import { removeFromTarget } from "./remove-from-target.ts";

/** What one replicator works with. */
export interface Replicate {
  readonly bus: DeliveryBus;
  readonly copier: Copier;
  readonly target: Registry;
  readonly registryOf: (name: string) => Registry | undefined;
  readonly routeOf: (name: string) => Route | undefined;
  /** For terminals: what moves right now. */
  readonly onProgress?: ((item: WorkItem, progress: CopyProgress) => void) | undefined;
}

/** `Answered`: the target gave an answer, so it is up. */
export type Done =
  | { readonly _tag: "Answered"; readonly outcome: Outcome }
  | { readonly _tag: "Failed"; readonly outcome: Outcome; readonly failure: RawFailure };

/**
 * One delivery: read both sides as they are now, decide (pure, `domain/decide.ts`), act, say what became of it. The event that asked for it is
 * a hint, so late, doubled and reordered ones do no harm (DESIGN.md section 2, idea 1).
 */
export const replicate = (context: Replicate, item: WorkItem): Effect.Effect<Done, LeaseLost | BusUnavailable> =>
  Effect.gen(function* () {
    const route = context.routeOf(item.route);
    const source = context.registryOf(item.source.registry);
    if (route === undefined || source === undefined) {
      return outcomes(item).skipped("unrouted", `route ${item.route} is not in the configuration any more`);
    }
    return yield* act(context, item, route, source);
  }).pipe(
    Effect.map((outcome): Done => ({ _tag: "Answered", outcome })),
    Effect.catchTag("ReplicateError", (error) => failed(item, error.failure)),
  );

const act = Effect.fnUntraced(function* (context: Replicate, item: WorkItem, route: Route, source: Registry) {
  const says = outcomes(item);
  const [wanted, held] = yield* observe(item, source, context.target);
  // HEAD has no body, so its 404 is a guess. Before anything follows from an absence, a GET has to say it in words.
  const absence = wanted === undefined ? yield* absenceAt(source, item) : undefined;
  const decision = decide({
    item,
    policy: route,
    source: wanted?.digest ?? "absent",
    target: held?.digest ?? "absent",
  });
  switch (decision._tag) {
    case "Copy":
      return yield* copyToTarget({ context, item, route, source, wanted, held });
    case "Adopt":
      return says.level("adopted", decision.digest);
    case "Unchanged":
      return says.level("unchanged", decision.digest);
    case "Gone":
      return says.level("unchanged", null);
    case "Conflict":
      return yield* refused("conflict", decision.detail);
    case "Skip":
      return says.skipped(decision.reason, decision.detail);
    case "ProveAbsence":
      return yield* removeFromTarget({ context, item, route, digest: decision.digest, absence });
  }
});

const absenceAt = Effect.fnUntraced(function* (source: Registry, item: WorkItem) {
  const absence = yield* onSource(proveAbsence(source, item.source.repository, item.source.tag));
  if (absence._tag === "Present") return yield* unproven(item, "a GET found the tag that HEAD did not");
  if (absence._tag === "Unproven") return yield* unproven(item, absence.why);
  return absence;
});

/** Both sides at the same time. */
const observe = (
  item: WorkItem,
  source: Registry,
  target: Registry,
): Effect.Effect<readonly [Resolved | undefined, Resolved | undefined], ReplicateError> =>
  Effect.all(
    [
      onSource(source.resolve(item.source.repository, item.source.tag)),
      onTarget(target.resolve(item.repository, item.tag)),
    ],
    { concurrency: 2 },
  );

const failed = Effect.fnUntraced(function* (item: WorkItem, failure: RawFailure) {
  const now = new Date(yield* Clock.currentTimeMillis);
  const random = yield* Random.next;
  const next = nextAttempt({
    reason: failure.reason,
    side: failure.side,
    attempt: item.attempt,
    retryAfterMs: failure.retryAfterMs,
    now,
    random,
  });
  return { _tag: "Failed", failure, outcome: outcomes(item).failed(failure, next) } satisfies Done;
});

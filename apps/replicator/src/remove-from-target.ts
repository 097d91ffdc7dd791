import { decideDeletion, type WorkItem, type WorkPolicy } from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { deleteAtTarget } from "./delete-at-target.ts";
import { onTarget, refused, unproven } from "./failure.ts";
import { goneAtTarget } from "./gone-at-target.ts";
import { outcomes } from "./outcome.ts";
import type { Gone } from "./prove-absence.ts";
import type { Replicate } from "./replicate.ts";

interface Removing {
  readonly context: Replicate;
  readonly item: WorkItem;
  readonly route: WorkPolicy;
  /** What the target holds under the tag, and we own. */
  readonly digest: Digest;
  readonly absence: Gone | undefined;
}

/**
 * The only way by which anything disappears at a target (invariant 5, DESIGN.md section 6): proof of absence now, the same proof again after
 * `confirmAfter`, the target still holding what we put, and the guard's consent.
 */
export const removeFromTarget = Effect.fnUntraced(function* ({ context, item, route, digest, absence }: Removing) {
  const says = outcomes(item);
  if (absence === undefined || route.deletes.mode !== "mirror") return yield* unproven(item, "no proof was made");
  const now = new Date(yield* Clock.currentTimeMillis);
  const { confirmAfter } = route.deletes;
  const decision = decideDeletion({
    item,
    digest,
    confirmAfter,
    proof: absence._tag === "Absent" ? "proven" : "repository-empty",
    now,
  });
  if (decision._tag === "Confirm") return says.confirming(decision.absentSince, decision.at);
  if (decision._tag === "Propose") {
    return yield* refused(
      "approval-needed",
      `${decision.why}: ${item.source.registry}/${item.source.repository} is empty or hidden from us; if it is meant, delete ${item.repository} at ${item.target} by hand`,
    );
  }
  // Between the first look and now somebody may have put something else there.
  const still = yield* onTarget(context.target.resolve(item.repository, item.tag));
  if (still === undefined) return yield* goneAtTarget(item, context.target);
  if (still.digest !== digest)
    return yield* unproven(item, "the tag changed while its deletion was prepared", "target");

  const deleted = yield* deleteAtTarget({
    bus: context.bus,
    item,
    route,
    registry: context.target,
    digest,
    confirmAfterMs: confirmAfter,
    now,
    sourceOf: context.registryOf,
  });
  switch (deleted._tag) {
    case "Deleted":
      return says.level("deleted", null);
    case "Kept":
      return says.skipped(deleted.reason, deleted.detail);
    case "NotYet":
      return says.confirming(item.absentSince ?? now, deleted.at);
    case "Off":
      return yield* refused("deletes-off", deleted.why);
    case "Refused":
      return yield* refused("guard-refused", deleted.why);
  }
});

import type { Guard } from "./route.ts";

/** What was deleted and what is there, counted by the caller under a lock of the target. */
export interface GuardCounts {
  /** Tags deleted in this target repository within `perRepository.within`. */
  readonly repositoryDeleted: number;
  /** Tags deleted at this target within `perTarget.within`. */
  readonly targetDeleted: number;
  /** Tags that we own at this target now. */
  readonly targetHeld: number;
}
export type GuardVerdict = { readonly _tag: "Granted" } | { readonly _tag: "Refused"; readonly why: string };

/**
 * Deletions that `fraction` always leaves. 5 % of a registry of 20 tags is one: without a minimum, whoever tidies up
 * a small registry by hand would wait hours, and five tags are what such a person removes at once. `most` still applies.
 */
export const FRACTION_DELETIONS_MIN = 5;

/**
 * Whether `wanted` more tags may be deleted: for every delete of every cause (DESIGN.md section 6). The fraction is of what the target
 * held when the window began, so that it does not shrink with each deletion. `why` names the limit, its figure and the way on.
 */
export const checkGuard = (guard: Guard, counts: GuardCounts, wanted: number): GuardVerdict => {
  const inRepository = counts.repositoryDeleted + wanted;
  const atTarget = counts.targetDeleted + wanted;
  const byFraction = Math.max(
    FRACTION_DELETIONS_MIN,
    Math.floor(guard.perTarget.fraction * (counts.targetHeld + counts.targetDeleted)),
  );
  if (inRepository > guard.perRepository.most) {
    return refused("perRepository.most", guard.perRepository.most, inRepository, guard.perRepository.within);
  }
  if (atTarget > guard.perTarget.most) {
    return refused("perTarget.most", guard.perTarget.most, atTarget, guard.perTarget.within);
  }
  if (atTarget > byFraction) return refused("perTarget.fraction", byFraction, atTarget, guard.perTarget.within);
  return { _tag: "Granted" };
};

const refused = (key: string, limit: number, would: number, within: number): GuardVerdict => ({
  _tag: "Refused",
  why: `guard.${key}: this would be deletion ${would} within ${within / 1000} s, allowed are ${limit}; look at what is being deleted, then retry the delivery or raise the limit`,
});

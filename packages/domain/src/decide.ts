import type { Digest } from "@drayage/oci-core/model";
import type { WorkItem } from "./delivery.ts";
import { isEcho } from "./echo.ts";
import { matchesAny } from "./match.ts";
import type { Route } from "./route.ts";

/** What a side holds under the tag, as it was just read. `absent` is an answer of the registry, never a failed reading. */
export type Seen = Digest | "absent";

/** The rules of a route that matter to one name. */
export type Policy = Pick<Route, "overwrite" | "existing" | "deletes">;

/** What to do with a claimed delivery. A value: carrying it out decides nothing more. */
export type Decision =
  /** Copy `digest` and put the tag. `missing`: the target has no such tag. `changed`: it holds something else that may be replaced. `deeper`: equal, but referrers were asked for. `heal`: equal, but blobs or children were. */
  | { readonly _tag: "Copy"; readonly digest: Digest; readonly why: "missing" | "changed" | "deeper" | "heal" }
  /** The target already holds it and we did not put it there: take it into our books, move nothing. */
  | { readonly _tag: "Adopt"; readonly digest: Digest }
  /** Ours, and equal. Report `unchanged`. */
  | { readonly _tag: "Unchanged"; readonly digest: Digest }
  /** Neither side has it: report `unchanged` with nothing held. It is no deletion of ours, even where we owned it. Nothing is removed, so no proof is needed. */
  | { readonly _tag: "Gone" }
  /** A change that the route refuses: park it, a person decides. */
  | { readonly _tag: "Conflict"; readonly why: "changed-by-others" | "overwrite-refused"; readonly detail: string }
  /** Nothing may be done, and that is right: report `ReplicationSkipped`. */
  | { readonly _tag: "Skip"; readonly reason: SkipReason; readonly detail: string }
  /** The source seems to lack the tag and the target holds ours: prove the absence (DESIGN.md section 6), then ask `decideDeletion`. */
  | { readonly _tag: "ProveAbsence"; readonly digest: Digest };

export type SkipReason = "echo" | "reported" | "deletes-ignored" | "not-owned" | "protected";

/**
 * What to do, given what both sides hold now. The whole of sections 5 and 6 for one name, apart from proof, guard and locks.
 * `overwrite` rules what we put there, `existing` what we did not; nothing else is ever replaced or deleted.
 */
export const decide = (given: {
  readonly item: Pick<WorkItem, "target" | "repository" | "tag" | "source" | "depth" | "owned" | "lineage">;
  readonly policy: Policy;
  readonly source: Seen;
  readonly target: Seen;
}): Decision => {
  const { source, target } = given;
  if (source === "absent")
    return target === "absent" ? { _tag: "Gone" } : withoutSource(given.item, given.policy, target);
  if (source !== target && isEcho(given.item, source))
    return skip("echo", `${given.item.source.registry} has this from here, and the tag has changed here since`);
  if (target === "absent") return { _tag: "Copy", digest: source, why: "missing" };
  return source === target
    ? equal(given.item, given.policy, source)
    : different(given.item, given.policy, source, target);
};

type Item = Parameters<typeof decide>[0]["item"];

const equal = (item: Item, policy: Policy, digest: Digest): Decision => {
  const ours = item.owned.includes(digest);
  if (!ours && policy.existing === "report")
    return skip("reported", "the target holds the same digest, not put there by us");
  if (item.depth === "deep") return { _tag: "Copy", digest, why: "heal" };
  if (item.depth === "referrers") return { _tag: "Copy", digest, why: "deeper" };
  return ours ? { _tag: "Unchanged", digest } : { _tag: "Adopt", digest };
};

const different = (item: Item, policy: Policy, source: Digest, target: Digest): Decision => {
  if (item.owned.includes(target)) {
    if (mayOverwrite(policy, item.tag)) return { _tag: "Copy", digest: source, why: "changed" };
    const detail = `the source now has ${source}, the target keeps ${target}: overwrite is not allowed for ${item.tag}`;
    return { _tag: "Conflict", why: "overwrite-refused", detail };
  }
  if (policy.existing === "overwrite") return { _tag: "Copy", digest: source, why: "changed" };
  const stranger = `the target holds ${target}, which we did not put there; the source has ${source}`;
  if (policy.existing === "report") return skip("reported", stranger);
  return { _tag: "Conflict", why: "changed-by-others", detail: stranger };
};

/** Whether the route lets a tag of ours move to another digest. */
export const mayOverwrite = (policy: Pick<Policy, "overwrite">, tag: string): boolean => {
  if (policy.overwrite === "always") return true;
  return policy.overwrite !== "never" && matchesAny(policy.overwrite.allow, tag);
};

const withoutSource = (item: Item, policy: Policy, target: Digest): Decision => {
  const { deletes } = policy;
  if (deletes.mode === "ignore") return skip("deletes-ignored", "the route does not mirror deletions");
  if (!item.owned.includes(target)) return skip("not-owned", `the target holds ${target}, which we did not put there`);
  if (isProtected(policy, item)) return skip("protected", `${item.tag} is protected from deletion by the route`);
  return { _tag: "ProveAbsence", digest: target };
};

/** Protected by its name at either side, so that a tag template cannot lift the protection. */
export const isProtected = (
  policy: Pick<Policy, "deletes">,
  item: { readonly tag: string; readonly source: { readonly tag: string } },
): boolean =>
  policy.deletes.mode === "mirror" &&
  (matchesAny(policy.deletes.protect, item.tag) || matchesAny(policy.deletes.protect, item.source.tag));

const skip = (reason: SkipReason, detail: string): Decision => ({ _tag: "Skip", reason, detail });

/** What a proof of absence found at the source. A proof that failed is an error of the replicator (`absence-unproven`), not a case here. */
export type AbsenceProof =
  /** The registry says the tag is unknown, and a witness in the same repository can be read. */
  | "proven"
  /** The repository has no tag left: nothing can be a witness, and a whole repository always waits for a person. */
  | "repository-empty";

export type DeletionDecision =
  /** Look again at `at`: the proof has to hold twice. */
  | { readonly _tag: "Confirm"; readonly absentSince: Date; readonly at: Date }
  /** Both proofs hold: ask the guard, then delete, if the target still holds `digest`. */
  | { readonly _tag: "Delete"; readonly digest: Digest }
  /** A person has to approve: propose it and park. */
  | { readonly _tag: "Propose"; readonly why: string };

/** What follows from a proof of absence made at `now`: first wait for `confirmAfter`, then delete. */
export const decideDeletion = (given: {
  readonly item: Pick<WorkItem, "absentSince">;
  readonly digest: Digest;
  /** Of the route's `deletes`, milliseconds. */
  readonly confirmAfter: number;
  readonly proof: AbsenceProof;
  readonly now: Date;
}): DeletionDecision => {
  if (given.proof === "repository-empty") {
    return {
      _tag: "Propose",
      why: "the source repository has no tag left: deleting a whole repository needs approval",
    };
  }
  const absentSince = given.item.absentSince ?? given.now;
  const at = new Date(absentSince.getTime() + given.confirmAfter);
  const confirmed = given.item.absentSince !== undefined && given.now >= at;
  return confirmed ? { _tag: "Delete", digest: given.digest } : { _tag: "Confirm", absentSince, at };
};

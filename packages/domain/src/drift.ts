import type { Digest } from "@drayage/oci-core/model";
import { isProtected, mayOverwrite, type Policy, type Seen } from "./decide.ts";
import type { DriftKind } from "./event.ts";

interface Compared {
  /** The name at the target, and the tag it comes from. */
  readonly tag: string;
  readonly source: { readonly tag: string; readonly digest: Seen };
  readonly target: Seen;
  /** As in `WorkItem.owned`. */
  readonly owned: ReadonlyArray<Digest>;
  readonly policy: Policy;
}

/**
 * How one name differs from what is wanted, if it does. What the route wants left alone is no drift: a tag that
 * `deletes: ignore` or `protect` keeps, a stranger that no source explains. `incomplete` and `unrouted` are not seen by comparing two digests.
 */
export const compare = ({ tag, source, target, owned, policy }: Compared): DriftKind | undefined => {
  if (source.digest === target) return undefined;
  if (target === "absent") return "missing";
  if (source.digest === "absent") {
    const kept = policy.deletes.mode === "ignore" || isProtected(policy, { tag, source });
    return owned.includes(target) && !kept ? "extra" : undefined;
  }
  if (owned.includes(target)) return mayOverwrite(policy, tag) ? "different" : "conflict";
  return policy.existing === "overwrite" ? "different" : "conflict";
};

/** Whether the two sides are equal and the tag is not in our books yet: a delivery would adopt it. No drift, but deletions follow only what is owned. */
export const adoptable = ({ source, target, owned, policy }: Omit<Compared, "tag">): boolean =>
  source.digest === target && target !== "absent" && policy.existing !== "report" && !owned.includes(target);

/** A name as listings are sorted by it. */
export interface ListedName {
  readonly repository: string;
  readonly tag: string;
}

/** The order of listings: repository, then tag, each by code unit (bytes, as both are ASCII; `COLLATE "C"` in PostgreSQL), never by locale. */
export const compareNames = (a: ListedName, b: ListedName): number => {
  if (a.repository !== b.repository) return a.repository < b.repository ? -1 : 1;
  if (a.tag !== b.tag) return a.tag < b.tag ? -1 : 1;
  return 0;
};

export interface Joined<L, R> {
  readonly left?: L | undefined;
  readonly right?: R | undefined;
}

/**
 * A listing that goes backwards or repeats a name. A merge join over it would take what is there for missing or extra, so it stops at once:
 * the comparison is then incomplete, and nothing follows from it.
 */
export class UnsortedListing extends Error {
  override readonly name = "UnsortedListing";
}

/**
 * The full outer join of two listings, each sorted by `compareNames` without repetition, in constant memory. Throws `UnsortedListing` where that
 * does not hold, and whatever a listing throws; both listings are closed in every case.
 */
export async function* mergeJoin<L extends ListedName, R extends ListedName>(
  left: Iterable<L> | AsyncIterable<L>,
  right: Iterable<R> | AsyncIterable<R>,
): AsyncGenerator<Joined<L, R>, void, undefined> {
  const lefts = checked(left, "left");
  const rights = checked(right, "right");
  try {
    let l = await lefts.next();
    let r = await rights.next();
    while (l.done !== true || r.done !== true) {
      const order = l.done === true ? 1 : r.done === true ? -1 : compareNames(l.value, r.value);
      yield {
        left: order <= 0 ? (l.value ?? undefined) : undefined,
        right: order >= 0 ? (r.value ?? undefined) : undefined,
      };
      if (order <= 0) l = await lefts.next();
      if (order >= 0) r = await rights.next();
    }
  } finally {
    await Promise.all([lefts.return(), rights.return()]);
  }
}

async function* checked<A extends ListedName>(
  listing: Iterable<A> | AsyncIterable<A>,
  side: string,
): AsyncGenerator<A, void, undefined> {
  let before: A | undefined;
  for await (const entry of listing) {
    if (before !== undefined && compareNames(before, entry) >= 0) {
      throw new UnsortedListing(
        `the ${side} listing is not sorted: ${entry.repository}:${entry.tag} after ${before.repository}:${before.tag}`,
      );
    }
    yield entry;
    before = entry;
  }
}

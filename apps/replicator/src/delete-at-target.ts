import type { DeliveryBus } from "@drayage/delivery";
import type { WorkItem, WorkPolicy } from "@drayage/domain";
import { MANIFEST_WRITE_TIMEOUT_MS, type Registry } from "@drayage/oci-core";
import type { Digest, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { onTarget } from "./failure.ts";
import { LEASE_MS } from "./lease.ts";
import { mayGoToo, whoElseHolds } from "./shared-digest.ts";

export type Deleted =
  | { readonly _tag: "Deleted" }
  /** Not deleted, and why: `shared-digest`. No drift. */
  | { readonly _tag: "Kept"; readonly reason: string; readonly detail: string }
  /** A tag of the same digest has to go too, and its own proof is old enough at `at`. */
  | { readonly _tag: "NotYet"; readonly at: Date }
  | { readonly _tag: "Refused"; readonly why: string }
  /** No deletion for now. */
  | { readonly _tag: "Off"; readonly why: string };

export interface Deletion {
  readonly bus: DeliveryBus;
  readonly item: WorkItem;
  readonly route: WorkPolicy;
  readonly registry: Registry;
  readonly digest: Digest;
  readonly confirmAfterMs: number;
  readonly now: Date;
  readonly sourceOf: (name: string) => Registry | undefined;
}

/** Registries of trait `probe` that have refused to delete a tag: for the life of this process they are asked by digest at once. */
const digestOnly = new WeakSet<Registry>();

/** Removes a tag that was proven absent at its source and that we own. Nothing else is removed with it (FAILURES F19). */
export const deleteAtTarget = Effect.fnUntraced(function* (deletion: Deletion) {
  const { registry } = deletion;
  const way = registry.traits.tagDelete === "probe" && digestOnly.has(registry) ? "digest" : registry.traits.tagDelete;
  switch (way) {
    case "none":
      return {
        _tag: "Kept",
        reason: "delete-unsupported",
        detail: `${registry.name} cannot delete tags`,
      } satisfies Deleted;
    case "tag":
      return yield* permitted(deletion, 1, deletion.item.tag);
    case "digest":
      return yield* deleteByDigest(deletion, 0);
    case "probe": {
      const byTag = yield* permitted(deletion, 1, deletion.item.tag).pipe(
        Effect.catchTag("ReplicateError", (error) =>
          error.failure.reason === "unsupported" ? Effect.succeed("unsupported" as const) : Effect.fail(error),
        ),
      );
      if (byTag !== "unsupported") return byTag;
      digestOnly.add(registry);
      return yield* deleteByDigest(deletion, 1);
    }
  }
});

/** `counted`: tags that the guard has counted for this deletion already. */
const deleteByDigest = Effect.fnUntraced(function* (deletion: Deletion, counted: number) {
  const { registry, item, digest } = deletion;
  const shared = yield* whoElseHolds(registry, item.repository, item.tag, digest);
  if (shared.index !== undefined) {
    const detail = `index ${shared.index} lists ${digest}, and ${registry.name} deletes by digest only`;
    return { _tag: "Kept", reason: "shared-digest", detail } satisfies Deleted;
  }
  const others = yield* mayGoToo(deletion, shared.tags);
  if (others !== "all") return others;
  return yield* permitted(deletion, shared.tags.length + 1 - counted, digest);
});

/** The guard counts first: a deletion that was counted and then failed is counted again, which errs to the safe side. */
const permitted = Effect.fnUntraced(function* (deletion: Deletion, tags: number, reference: Tag | Digest) {
  const { bus, item, registry } = deletion;
  if (tags > 0) {
    const permit = yield* bus.permitDelete(item, tags, MANIFEST_WRITE_TIMEOUT_MS);
    if (permit._tag !== "Granted") return permit satisfies Deleted;
  } else {
    // All is counted, but the first attempt has used up time: a new lease is longer than the request may take (invariant 6).
    yield* bus.extend(item, LEASE_MS);
  }
  yield* onTarget(registry.deleteManifest(item.repository, reference));
  return { _tag: "Deleted" } satisfies Deleted;
});

import type { DeliveryBus, Sibling } from "@drayage/delivery";
import type { WorkItem } from "@drayage/domain";
import { MANIFEST_WRITE_TIMEOUT_MS, type Registry } from "@drayage/oci-core";
import { type Digest, isIndexType, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { onSource, onTarget } from "./failure.ts";
import { proveAbsence } from "./prove-absence.ts";

/** Tags of one repository asked at once for the digest they hold. */
const RESOLVE_CONCURRENCY = 8;

export type Deleted =
  | { readonly _tag: "Deleted" }
  /** Not deleted, and why: `shared-digest`. No drift. */
  | { readonly _tag: "Kept"; readonly reason: string; readonly detail: string }
  /** A tag of the same digest has to go too, and its own proof is not old enough yet. */
  | { readonly _tag: "NotYet" }
  | { readonly _tag: "Refused"; readonly why: string };

interface Deletion {
  readonly bus: DeliveryBus;
  readonly item: WorkItem;
  readonly registry: Registry;
  readonly digest: Digest;
  readonly confirmAfterMs: number;
  readonly now: Date;
  readonly sourceOf: (name: string) => Registry | undefined;
}

/** Removes a tag that was proven absent at its source and that we own. Nothing else is removed with it (FAILURES F19). */
export const deleteAtTarget = Effect.fnUntraced(function* (deletion: Deletion) {
  const { registry, item } = deletion;
  if (registry.traits.tagDelete === "none") {
    return {
      _tag: "Kept",
      reason: "delete-unsupported",
      detail: `${registry.name} cannot delete tags`,
    } satisfies Deleted;
  }
  if (registry.traits.tagDelete !== "digest") {
    // `tag`, and `probe`: a registry that refuses says so, and is asked by digest below.
    const byTag = yield* deleteByTag(deletion);
    if (byTag !== "unsupported") return byTag;
  }
  const shared = yield* whoElseHolds(registry, item.repository, item.tag, deletion.digest);
  if (shared.index !== undefined) {
    return kept(`index ${shared.index} lists ${deletion.digest}, and ${registry.name} deletes by digest only`);
  }
  const others = yield* mayGoToo(deletion, shared.tags);
  if (others !== "all") return others;
  return yield* permitted(deletion, shared.tags.length + 1, deletion.digest);
});

const kept = (detail: string): Deleted => ({ _tag: "Kept", reason: "shared-digest", detail });

const deleteByTag = (deletion: Deletion) =>
  permitted(deletion, 1, deletion.item.tag).pipe(
    Effect.catchTag("ReplicateError", (error) =>
      error.failure.reason === "unsupported" ? Effect.succeed("unsupported" as const) : Effect.fail(error),
    ),
  );

/** The guard counts first: a deletion that was counted and then failed is counted again, which errs to the safe side. */
const permitted = Effect.fnUntraced(function* (deletion: Deletion, tags: number, reference: Tag | Digest) {
  const { bus, item, registry } = deletion;
  const permit = yield* bus.permitDelete(item, tags, MANIFEST_WRITE_TIMEOUT_MS);
  if (permit._tag === "Refused") return { _tag: "Refused", why: permit.why } satisfies Deleted;
  yield* onTarget(registry.deleteManifest(item.repository, reference));
  return { _tag: "Deleted" } satisfies Deleted;
});

/** Reads the target as it is, because books can be wrong: which other tags hold the digest, and whether an index lists it. */
const whoElseHolds = Effect.fnUntraced(function* (
  registry: Registry,
  repository: RepositoryName,
  tag: Tag,
  digest: Digest,
) {
  const tags: Array<Tag> = [];
  let index: Tag | undefined;
  yield* onTarget(
    registry.tags(repository).pipe(
      Stream.flatMap((page) => Stream.fromArray(page.filter((name) => name !== tag))),
      Stream.mapEffect((name) => holds(registry, repository, name, digest), { concurrency: RESOLVE_CONCURRENCY }),
      Stream.runForEach((found) =>
        Effect.sync(() => {
          if (found.how === "same") tags.push(found.name);
          if (found.how === "lists") index = found.name;
        }),
      ),
    ),
  );
  return { tags, index };
});

const holds = Effect.fnUntraced(function* (registry: Registry, repository: RepositoryName, name: Tag, digest: Digest) {
  const held = yield* registry.resolve(repository, name);
  if (held === undefined) return { name, how: "not" as const };
  if (held.digest === digest) return { name, how: "same" as const };
  if (!isIndexType(held.mediaType)) return { name, how: "not" as const };
  const manifest = yield* registry.manifest(repository, held.digest);
  const lists = manifest._tag === "Index" && manifest.manifests.some((child) => child.digest === digest);
  return { name, how: lists ? ("lists" as const) : ("not" as const) };
});

/** Every tag of the digest goes, or none: each must be ours, and proven absent at its own source for long enough. */
const mayGoToo = Effect.fnUntraced(function* (deletion: Deletion, tags: ReadonlyArray<Tag>) {
  if (tags.length === 0) return "all" as const;
  const siblings = yield* deletion.bus.siblings(deletion.item, deletion.digest);
  for (const tag of tags) {
    const sibling = siblings.find((candidate) => candidate.tag === tag);
    if (sibling === undefined) return kept(`tag ${tag} holds the same digest and is not ours`);
    const verdict = yield* siblingIsGone(deletion, sibling);
    if (verdict !== "gone") return verdict;
  }
  return "all" as const;
});

const siblingIsGone = Effect.fnUntraced(function* (deletion: Deletion, sibling: Sibling) {
  const source = deletion.sourceOf(sibling.sourceRegistry);
  if (source === undefined)
    return kept(`the source ${sibling.sourceRegistry} of tag ${sibling.tag} is not configured any more`);
  const absence = yield* onSource(proveAbsence(source, sibling.sourceRepository, sibling.sourceTag));
  if (absence._tag !== "Absent") return kept(`tag ${sibling.tag} holds the same digest and is still wanted`);
  const since = sibling.absentSince?.getTime();
  const old = since !== undefined && deletion.now.getTime() - since >= deletion.confirmAfterMs;
  return old ? ("gone" as const) : ({ _tag: "NotYet" } satisfies Deleted);
});

/** Where a registry deletes by digest only, every tag of the digest goes with it: who they are, and whether all of them may go. */
import type { Sibling } from "@drayage/delivery";
import { isProtected } from "@drayage/domain";
import type { Registry, RegistryError } from "@drayage/oci-core";
import { type Digest, isIndexType, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Deleted, Deletion } from "./delete-at-target.ts";
import { onSource, onTarget } from "./failure.ts";
import { proveAbsence } from "./prove-absence.ts";

/** Tags of one repository asked at once for the digest they hold. */
const RESOLVE_CONCURRENCY = 8;
/** Indexes within indexes that are looked into: what the copy engine copies at most. */
const INDEX_DEPTH_MAX = 4;

/** Reads the target as it is, because books can be wrong: which other tags hold the digest, and whether an index lists it. */
export const whoElseHolds = Effect.fnUntraced(function* (
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
  const isListed = isIndexType(held.mediaType) && (yield* lists(registry, repository, held.digest, digest, 1));
  return { name, how: isListed ? ("lists" as const) : ("not" as const) };
});

/** Whether an index, or one below it, has the digest among its entries. Deeper than we copy counts as yes. */
const lists = (
  registry: Registry,
  repository: RepositoryName,
  index: Digest,
  digest: Digest,
  depth: number,
): Effect.Effect<boolean, RegistryError> =>
  Effect.gen(function* () {
    if (depth > INDEX_DEPTH_MAX) return true;
    const manifest = yield* registry.manifest(repository, index);
    if (manifest._tag !== "Index") return false;
    if (manifest.manifests.some((child) => child.digest === digest)) return true;
    for (const child of manifest.manifests) {
      if (isIndexType(child.mediaType) && (yield* lists(registry, repository, child.digest, digest, depth + 1)))
        return true;
    }
    return false;
  });

const kept = (detail: string): Deleted => ({ _tag: "Kept", reason: "shared-digest", detail });

/**
 * Every tag of the digest goes, or none. A tag at the target must be ours, and proven absent at its own source for long enough. Books that
 * name the digest for a tag that is not there yet count as well: its worker may be about to put it.
 */
export const mayGoToo = Effect.fnUntraced(function* (deletion: Deletion, tags: ReadonlyArray<Tag>) {
  const siblings = yield* deletion.bus.siblings(deletion.item, deletion.digest);
  const stranger = tags.find((tag) => siblings.every((sibling) => sibling.tag !== tag));
  if (stranger !== undefined) return kept(`tag ${stranger} holds the same digest and is not ours`);
  for (const sibling of siblings) {
    const verdict = yield* siblingIsGone(deletion, sibling, tags.includes(sibling.tag));
    if (verdict !== "gone") return verdict;
  }
  return "all" as const;
});

const siblingIsGone = Effect.fnUntraced(function* (deletion: Deletion, sibling: Sibling, isThere: boolean) {
  const source = deletion.sourceOf(sibling.sourceRegistry);
  if (source === undefined)
    return kept(`the source ${sibling.sourceRegistry} of tag ${sibling.tag} is not configured any more`);
  if (isThere && isProtected(deletion.route, { tag: sibling.tag, source: { tag: sibling.sourceTag } }))
    return kept(`tag ${sibling.tag} holds the same digest and is protected`);
  const absence = yield* onSource(proveAbsence(source, sibling.sourceRepository, sibling.sourceTag));
  if (absence._tag !== "Absent") return kept(`tag ${sibling.tag} holds the same digest and may still be wanted`);
  if (!isThere) return "gone" as const;
  // Without a proof of its own yet: its delivery makes one, finds ours, and then takes both.
  if (sibling.absentSince === undefined) return kept(`tag ${sibling.tag} holds the same digest and is not proven gone`);
  const at = new Date(sibling.absentSince.getTime() + deletion.confirmAfterMs);
  return deletion.now >= at ? ("gone" as const) : ({ _tag: "NotYet", at } satisfies Deleted);
});

import type { Outcome } from "@drayage/delivery";
import { decide, type WorkItem, type WorkPolicy } from "@drayage/domain";
import {
  type CopyRequest,
  type CopyResult,
  MANIFEST_WRITE_TIMEOUT_MS,
  type Registry,
  type Resolved,
} from "@drayage/oci-core";
import type { Digest } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { fromCopy, onSource, onTarget, refused } from "./failure.ts";
import { outcomes } from "./outcome.ts";
import type { Replicate } from "./replicate.ts";

/** What we saw at the target is believed for this long. A copy of a large image takes longer, and somebody may put the tag meanwhile. */
const HELD_TRUST_MS = 10_000;

export interface Copying {
  readonly context: Replicate;
  readonly item: WorkItem;
  readonly route: WorkPolicy;
  readonly source: Registry;
  readonly wanted: Resolved;
  readonly held: Resolved | undefined;
}

/** `Moved`: the target holds `held` now, which is ours, and the source has `wanted` by now. Somebody has to decide again. */
export type Copied =
  | { readonly _tag: "Ended"; readonly outcome: Outcome }
  | { readonly _tag: "Moved"; readonly held: Resolved; readonly wanted: Resolved };

/** One copy, pinned to one digest. After a tag PUT the source is read once more, so that no push is missed (FAILURES F5, invariant 6). */
export const copyToTarget = Effect.fnUntraced(function* (copying: Copying) {
  const { context, item, route, source, wanted, held } = copying;
  const seenAt = yield* Clock.currentTimeMillis;
  const result: CopyResult = yield* context.copier
    .copy({
      source: { registry: source, repository: item.source.repository, reference: item.source.tag },
      target: { registry: context.target, repository: item.repository, tag: item.tag },
      depth: item.depth,
      referrers: route.referrers,
      platforms: route.platforms,
      foreignLayers: route.foreignLayers,
      bytesFrom: yield* nearerPlaces(copying),
      known: { wanted, held: held ?? null },
      beforeTag: (digest) =>
        Effect.andThen(
          stillMayPut(copying, digest, seenAt),
          context.bus.intend(item, digest, MANIFEST_WRITE_TIMEOUT_MS),
        ),
      onProgress: (progress) => context.onProgress?.(item, progress),
    })
    .pipe(Effect.catchTag("CopyError", (error) => Effect.fail(fromCopy(error))));
  const ended: Copied = { _tag: "Ended", outcome: outcomes(item).copied(result) };
  if (result.action === "unchanged") return ended;
  const now = yield* onSource(source.resolve(item.source.repository, item.source.tag));
  // Gone meanwhile: its deletion is a change of its own, with its own proof. What we put is what the source had.
  if (now === undefined || now.digest === result.sourceDigest) return ended;
  const { digest, mediaType } = result;
  const moved: Copied = { _tag: "Moved", held: { ...wanted, digest, mediaType }, wanted: now };
  return moved;
});

/** Those of the rules that this replicator can open: it may have its rules from elsewhere. Without one the bytes come from further away, and are the same. */
const nearerPlaces = Effect.fnUntraced(function* ({ context, item, route }: Copying) {
  const places: Array<Place> = [];
  for (const { registry: name, repository } of route.bytesFrom ?? []) {
    const registry = context.registryOf(name);
    if (registry !== undefined) places.push({ registry, repository });
    else
      yield* Effect.logWarning(`bytesFrom: ${name} is not in the configuration of this replicator`, {
        delivery: item.delivery,
      });
  }
  return places;
});
type Place = NonNullable<CopyRequest["bytesFrom"]>[number];

/** After a long copy the target is read again: whoever put the tag meanwhile is a stranger, and the route says what that means. */
const stillMayPut = Effect.fnUntraced(function* ({ context, item, route, held }: Copying, digest: Digest, at: number) {
  if ((yield* Clock.currentTimeMillis) - at <= HELD_TRUST_MS) return;
  const now = yield* onTarget(context.target.resolve(item.repository, item.tag));
  if (now?.digest === held?.digest || now?.digest === digest) return;
  const decision = decide({ item, policy: route, source: digest, target: now?.digest ?? "absent" });
  if (decision._tag === "Copy") return;
  return yield* refused("conflict", `the tag was changed while it was being copied: the target holds ${now?.digest}`);
});

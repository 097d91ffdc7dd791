import type { Route, WorkItem } from "@drayage/domain";
import { type CopyResult, MANIFEST_WRITE_TIMEOUT_MS, type Registry, type Resolved } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { fromCopy, onSource, ReplicateError } from "./failure.ts";
import { outcomes } from "./outcome.ts";
import type { Replicate } from "./replicate.ts";

/** A source tag that moves more often than this during its own copies is tried again later. */
const ROUNDS_MOST = 5;

interface Copying {
  readonly context: Replicate;
  readonly item: WorkItem;
  readonly route: Route;
  readonly source: Registry;
  readonly wanted: Resolved | undefined;
  readonly held: Resolved | undefined;
}

/**
 * Copies, then reads the source once more: a tag that moved while we copied is copied again before we report, so that the
 * newest push wins even if its own notification was lost (FAILURES F5, invariant 6).
 */
export const copyToTarget = Effect.fnUntraced(function* ({ context, item, route, source, ...first }: Copying) {
  let { wanted, held } = first;
  for (let round = 1; round <= ROUNDS_MOST; round += 1) {
    const result: CopyResult = yield* context.copier
      .copy({
        source: { registry: source, repository: item.source.repository, reference: item.source.tag },
        target: { registry: context.target, repository: item.repository, tag: item.tag },
        depth: item.depth,
        referrers: route.referrers,
        known: { wanted, held: held ?? null },
        beforeTag: (digest) => context.bus.intend(item, digest, MANIFEST_WRITE_TIMEOUT_MS),
        onProgress: (progress) => context.onProgress?.(item, progress),
      })
      .pipe(Effect.catchTag("CopyError", (error) => Effect.fail(fromCopy(error))));
    if (result.action === "unchanged") return outcomes(item).copied(result);
    const now = yield* onSource(source.resolve(item.source.repository, item.source.tag));
    // Gone meanwhile: its deletion is a change of its own, with its own proof. What we put is what the source had.
    if (now === undefined || now.digest === result.digest) return outcomes(item).copied(result);
    wanted = now;
    held = { digest: result.digest, mediaType: result.mediaType, size: wanted.size };
  }
  return yield* new ReplicateError({
    failure: {
      side: "source",
      operation: `copy ${item.source.repository}:${item.source.tag}`,
      reason: "source-moved",
      detail: `the tag moved ${ROUNDS_MOST} times while it was being copied`,
      retryable: true,
    },
  });
});

import * as Effect from "effect/Effect";
import type * as Result from "effect/Result";
import type { CopyRequest, CopyResult } from "./copier.ts";
import { runCopy } from "./copy.ts";
import { type CopyError, onSide } from "./errors.ts";
import type { Shared } from "./job.ts";

/** One image to several targets. */
export interface ManyTargetsRequest
  extends Pick<CopyRequest, "source" | "depth" | "referrers" | "platforms" | "foreignLayers" | "bytesFrom"> {
  readonly targets: ReadonlyArray<CopyRequest["target"]>;
  /** Called once for each target, as soon as it is done. `index` is its place in `targets`. Must be cheap and must not throw. */
  readonly onTarget?: ((index: number, outcome: TargetOutcome) => void) | undefined;
}

/** What became of one target. */
export type TargetOutcome = Result.Result<CopyResult, CopyError>;

/**
 * The source is asked once for what its tag is, so that all targets get the same; then each target is a copy of its own, whose blobs come through the
 * spool. Answers in the order of the targets. Fails only when the source cannot be asked.
 */
export const runCopyToMany = Effect.fnUntraced(function* (shared: Shared, request: ManyTargetsRequest) {
  const { targets, onTarget, ...one } = request;
  const { source } = one;
  const wanted = yield* Effect.mapError(source.registry.resolve(source.repository, source.reference), onSide("source"));
  return yield* Effect.forEach(
    targets,
    (target, index) =>
      runCopy<never>(shared, { ...one, target, shared: true, known: { wanted } }).pipe(
        Effect.result,
        Effect.tap((outcome) => Effect.sync(() => onTarget?.(index, outcome))),
      ),
    { concurrency: "unbounded" },
  );
});

import * as Effect from "effect/Effect";
import type { Digest, Tag } from "../model/brand.ts";
import type { Resolved } from "../registry/registry.ts";
import { pause } from "./backoff.ts";
import { sparseRefused } from "./choice.ts";
import { CopyError, onSide } from "./errors.ts";
import type { Graph } from "./graph.ts";
import type { Job, Place } from "./job.ts";
import type { CopyLimits } from "./limits.ts";
import { mayLackContent, putHealing } from "./put-manifests.ts";

/**
 * The last step: the top manifest under its tag, right after `gate`. A refusal by a registry with immutable tags is a
 * success when the tag already holds the digest (facts/oci.md section 0, rule 20). Answers whether the target's answer named the digest.
 */
export const putTop = <E>(
  job: Job,
  graph: Graph,
  reference: Tag | Digest,
  gate: Effect.Effect<void, E>,
): Effect.Effect<boolean, CopyError | E> =>
  putHealing(job, graph, graph.top, reference, gate).pipe(
    Effect.map(({ named }) => named === true),
    Effect.catchIf(isConflict, (error) =>
      Effect.flatMap(look(job.target, reference), (held) =>
        held?.digest === graph.top.digest ? Effect.succeed(false) : Effect.fail(error),
      ),
    ),
    Effect.mapError((error) =>
      isSparseRefusal(graph, error) ? sparseRefused(error.reference, error.detail, error) : error,
    ),
  );

/** All else that it may lack was brought by then. */
const isSparseRefusal = (graph: Graph, error: unknown): error is CopyError =>
  graph.omitted.size > 0 && mayLackContent(error);

const isConflict = (error: unknown): error is CopyError =>
  error instanceof CopyError && error.side === "target" && error.reason === "conflict";

const look = (target: Place, reference: Tag | Digest): Effect.Effect<Resolved | undefined, CopyError> =>
  Effect.mapError(target.registry.resolve(target.repository, reference), onSide("target"));

/**
 * Asks the target for the tag that it has just taken: one HEAD a copy, the price of never reporting a success that is
 * none. A 201 is not enough, since registries have answered it and then 404 (FAILURES.md F32), the digest header of the
 * PUT is optional, and a read may be served by a replica that lags. So an absent or older answer is asked again, a few
 * times, before it is an error.
 */
export const confirm = Effect.fnUntraced(function* (
  target: Place,
  limits: CopyLimits,
  reference: Tag | Digest,
  digest: Digest,
) {
  for (let attempt = 1; ; attempt += 1) {
    const held = yield* look(target, reference);
    if (held?.digest === digest) return;
    if (attempt >= limits.confirmTries) {
      return yield* new CopyError({
        side: "target",
        operation: "confirm tag",
        reference: `${target.registry.name}/${target.repository}:${reference}`,
        reason: held === undefined ? "invalid-response" : "conflict",
        detail:
          held === undefined
            ? `the target took ${digest} and does not have it after ${attempt} looks`
            : `the target took ${digest} and has ${held.digest}: somebody else moved the tag`,
        retryable: true,
      });
    }
    yield* pause(attempt, limits);
  }
});

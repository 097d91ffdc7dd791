import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import { isDigest } from "../model/digest.ts";
import type { Manifest } from "../model/manifest.ts";
import type { Resolved } from "../registry/registry.ts";
import type { CopyRequest } from "./copier.ts";
import { CopyError, onSide } from "./errors.ts";
import type { TargetMemory } from "./target-memory.ts";

/** What the source has, fixed for the whole copy. `top` is there where learning the digest took the document anyway. */
export interface Pinned {
  readonly digest: Digest;
  readonly top?: Manifest | undefined;
}

/** What the target is to hold. */
export interface Wanted extends Pinned {
  /** What the source has: another digest where the index is rewritten. */
  readonly sourceDigest: Digest;
}

export interface Sides {
  readonly wanted: Pinned;
  /** What the target has under the tag, or under the digest where no tag is wanted. */
  readonly held: Resolved | undefined;
}

/**
 * Learns both sides with as few requests as can be: nothing that the caller knows is asked for, both HEADs go out at
 * the same time, and where the target is known to lack the tag the source's document is read at once, which tells the
 * digest too. The target is asked first where its answer is likely to save work at the source: the HEAD, where the last copies found their tags
 * missing; the look at the manifest, where the source compares digests. Never the other way round: a target that compares would not notice that
 * its content is gone.
 */
export const resolveSides = Effect.fnUntraced(function* <E>(request: CopyRequest<E>, memory: TargetMemory) {
  const { source, target, known } = request;
  const wantedKnown: Pinned | undefined =
    known?.wanted ?? (isDigest(source.reference) ? { digest: source.reference } : undefined);
  const isHeldKnown = known?.held !== undefined;
  const byTag = target.tag;
  if (byTag === undefined) {
    const wanted = wantedKnown ?? (yield* pin(request, known?.held));
    const held = isHeldKnown ? (known.held ?? undefined) : yield* hold(request, wanted.digest);
    const sides: Sides = { wanted, held };
    return sides;
  }
  const isFirst = memory.likelyLacks(target.registry.name) || source.registry.comparesDigests?.() === true;
  if (wantedKnown === undefined && !isHeldKnown && isFirst) {
    const held = yield* hold(request, byTag);
    memory.held(target.registry.name, held !== undefined);
    const sides: Sides = { wanted: yield* pin(request, held ?? null), held };
    return sides;
  }
  const [wanted, held] = yield* Effect.all(
    [
      wantedKnown === undefined ? pin(request, known?.held) : Effect.succeed(wantedKnown),
      isHeldKnown ? Effect.succeed(known.held ?? undefined) : hold(request, byTag),
    ],
    { concurrency: 2 },
  );
  memory.held(target.registry.name, held !== undefined);
  const sides: Sides = { wanted, held };
  return sides;
});

/** `held`: what the target has, `null` for nothing, `undefined` where that is not known. */
const pin = <E>(request: CopyRequest<E>, held: Resolved | null | undefined): Effect.Effect<Pinned, CopyError> => {
  const { registry, repository, reference } = request.source;
  const read = registry.manifest(repository, reference).pipe(
    Effect.mapError(onSide("source")),
    Effect.map((top): Pinned => ({ digest: top.digest, top })),
  );
  if (held === null) return read;
  return registry.resolve(repository, reference, held).pipe(
    Effect.mapError(onSide("source")),
    // A HEAD has no body: only a GET tells a missing tag from a missing repository or a proxy's 404.
    Effect.flatMap((resolved) => (resolved === undefined ? read : Effect.succeed<Pinned>({ digest: resolved.digest }))),
  );
};

const hold = <E>(request: CopyRequest<E>, reference: Digest | NonNullable<CopyRequest["target"]["tag"]>) =>
  Effect.mapError(request.target.registry.resolve(request.target.repository, reference), onSide("target"));

/**
 * A manifest or blob that the source named and then did not have: where its tag points elsewhere by now, the old image
 * was collected and a new copy will do; where it still points there, the source is broken and the error stays as it is.
 * Costs a HEAD.
 */
export const explainMissing =
  <E>(request: CopyRequest<E>, digest: Digest) =>
  (error: CopyError): Effect.Effect<never, CopyError> => {
    const { registry, repository, reference } = request.source;
    if (isDigest(reference)) return Effect.fail(error);
    return Effect.matchEffect(registry.resolve(repository, reference), {
      onFailure: () => Effect.fail(error),
      onSuccess: (now) =>
        Effect.fail(
          now?.digest === digest
            ? error
            : new CopyError({
                side: "source",
                operation: error.operation,
                reference: error.reference,
                reason: "source-moved",
                detail: `${repository}:${reference} was ${digest} and is ${now?.digest ?? "gone"} now: copy it again`,
                retryable: true,
                status: error.status,
                requestId: error.requestId,
                cause: error.cause,
              }),
        ),
    });
  };

/** Whether the error is such a one. */
export const isMissingAtSource = (error: unknown): error is CopyError =>
  error instanceof CopyError && error.side === "source" && error.reason === "not-found";

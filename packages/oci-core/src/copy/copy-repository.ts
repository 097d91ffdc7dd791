import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Stream from "effect/Stream";
import type { RepositoryName, Tag } from "../model/brand.ts";
import { isDigestTag } from "../model/digest-tag.ts";
import type { Registry } from "../registry/registry.ts";
import type { CopyProgress, CopyRequest, CopyResult } from "./copier.ts";
import { copyUnconfirmed } from "./copy.ts";
import { type CopyError, onSide } from "./errors.ts";
import type { Place, Shared } from "./job.ts";
import { CONFIRMED_TOGETHER_MAX, LISTED_FROM_TAGS } from "./limits.ts";
import { confirm } from "./put-tag.ts";
import { knowTarget, listedTags } from "./target-tags.ts";

/**
 * Tags of one repository copied at once, if nothing else is said; the limits of both registries hold all copies together. Twice what keeps one
 * registry busy (eight), since a tag that is unchanged waits for the target and then for the source.
 */
const TAGS_AT_ONCE = 16;

/** All tags of a repository, or some. */
export interface RepositoryCopyRequest {
  readonly source: { readonly registry: Registry; readonly repository: RepositoryName };
  readonly target: { readonly registry: Registry; readonly repository: RepositoryName };
  /** Default: all that the source lists, without those that are made from a digest (`referrers` brings these). */
  readonly tags?: ReadonlyArray<Tag> | undefined;
  readonly depth: CopyRequest["depth"];
  readonly referrers: CopyRequest["referrers"];
  readonly platforms?: CopyRequest["platforms"];
  readonly foreignLayers?: CopyRequest["foreignLayers"];
  /** Default 16. */
  readonly tagsAtOnce?: number | undefined;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Called once for each tag, as soon as it is certain what became of it. Must be cheap and must not throw. */
  readonly onTag?: ((tag: Tag, outcome: Result.Result<CopyResult, CopyError>) => void) | undefined;
}

/** How many tags came to what end. */
export interface RepositoryCopyResult {
  readonly tags: number;
  readonly copied: number;
  readonly unchanged: number;
  readonly failed: number;
}

/**
 * Copies tags of one repository with fewer requests than one copy for each: the target is asked for its list where the first tag is missing, and
 * new tags are confirmed together by another list. One tag that fails does not end the others. Fails only when the source cannot be listed.
 */
export const runRepositoryCopy = Effect.fnUntraced(function* (shared: Shared, request: RepositoryCopyRequest) {
  const { source, target, onTag } = request;
  const tags = request.tags ?? (yield* sourceTags(source));
  const knows = yield* knowTarget(shared.memory, target, tags);
  const counts = { copied: 0, unchanged: 0, failed: 0 };
  const tell = (tag: Tag, outcome: Result.Result<CopyResult, CopyError>): void => {
    counts[Result.isFailure(outcome) ? "failed" : outcome.success.action] += 1;
    onTag?.(tag, outcome);
  };
  let waiting: Array<Waiting> = [];
  const confirmAll = Effect.suspend(() => {
    const batch = waiting;
    waiting = [];
    return confirmTogether(shared, target, batch, tell);
  });

  yield* Effect.forEach(
    tags,
    Effect.fnUntraced(function* (tag) {
      const held = yield* knows(tag);
      const one: CopyRequest = {
        source: { ...source, reference: tag },
        target: { ...target, tag },
        depth: request.depth,
        referrers: request.referrers,
        platforms: request.platforms,
        foreignLayers: request.foreignLayers,
        known: { held },
        onProgress: request.onProgress,
      };
      const done = yield* Effect.result(copyUnconfirmed(shared, one));
      if (Result.isFailure(done)) tell(tag, Result.fail(done.failure));
      else if (done.success.isConfirmed) tell(tag, Result.succeed(done.success.result));
      else {
        waiting.push({ tag, result: done.success.result, isNamed: done.success.isNamed });
        if (waiting.length >= CONFIRMED_TOGETHER_MAX) yield* confirmAll;
      }
    }),
    { concurrency: request.tagsAtOnce ?? TAGS_AT_ONCE, discard: true },
  );
  yield* confirmAll;
  const result: RepositoryCopyResult = { tags: tags.length, ...counts };
  return result;
});

/** A tag that is put. */
interface Waiting {
  readonly tag: Tag;
  readonly result: CopyResult;
  readonly isNamed: boolean;
}

/**
 * A tag that the target did not have, for which it named our digest when it took it, and that it lists now, is confirmed: two answers of
 * its own, one of them for all. Every other is asked for by itself.
 */
const confirmTogether = Effect.fnUntraced(function* (
  shared: Shared,
  target: Place,
  batch: ReadonlyArray<Waiting>,
  tell: (tag: Tag, outcome: Result.Result<CopyResult, CopyError>) => void,
) {
  const named = batch.filter(({ isNamed }) => isNamed);
  const listed =
    named.length < LISTED_FROM_TAGS
      ? undefined
      : yield* Effect.orElseSucceed(listedTags(target, named.length), () => undefined);
  yield* Effect.forEach(
    batch,
    ({ tag, result, isNamed }) => {
      if (isNamed && listed?.has(tag) === true) return Effect.sync(() => tell(tag, Result.succeed(result)));
      return Effect.map(Effect.result(confirm(target, shared.limits, tag, result.digest)), (asked) =>
        tell(tag, Result.isFailure(asked) ? Result.fail(asked.failure) : Result.succeed(result)),
      );
    },
    { concurrency: TAGS_AT_ONCE, discard: true },
  );
});

const sourceTags = ({ registry, repository }: Place): Effect.Effect<ReadonlyArray<Tag>, CopyError> =>
  Stream.runCollect(registry.tags(repository)).pipe(
    Effect.map((pages) => pages.flat().filter((tag) => !isDigestTag(tag))),
    Effect.mapError(onSide("source")),
  );

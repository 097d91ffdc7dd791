import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Tag } from "../model/brand.ts";
import { type RegistryError, saysAbsent } from "../registry/errors.ts";
import type { Resolved } from "../registry/registry.ts";
import type { Place } from "./job.ts";
import { LISTED_FROM_TAGS } from "./limits.ts";
import type { TargetMemory } from "./target-memory.ts";

/** What is known of a tag at the target: what it holds, `null` that it is not there, `undefined` nothing. */
export type Knows = (tag: Tag) => Effect.Effect<Resolved | null | undefined>;

/**
 * Asks the target for the first tag. Where it is there, so are most of the others likely to be, and each is asked for when its turn comes. Where it
 * is not, one list tells of all the others. Hints only: what cannot be learnt here is not known, and the copies ask and fail by themselves.
 */
export const knowTarget = Effect.fnUntraced(function* (
  memory: TargetMemory,
  target: Place,
  tags: ReadonlyArray<Tag>,
): Effect.fn.Return<Knows> {
  const [first] = tags;
  if (first === undefined || tags.length < LISTED_FROM_TAGS) return () => Effect.undefined;
  const { registry, repository } = target;
  const found = yield* Effect.result(registry.resolve(repository, first));
  if (found._tag === "Failure") return () => Effect.undefined;
  const held = found.success ?? null;
  memory.held(registry.name, held !== null);
  if (held !== null) return (tag) => Effect.succeed(tag === first ? held : undefined);
  const listed = yield* listedTags(target, tags.length).pipe(
    Effect.catchIf(saysAbsent, () => {
      memory.setWarmth(registry.name, repository, "cold");
      return Effect.succeed<ReadonlySet<Tag> | undefined>(new Set());
    }),
    Effect.orElseSucceed(() => undefined),
  );
  return (tag) => Effect.succeed(tag === first || listed?.has(tag) === false ? null : undefined);
});

/** The tags that the target lists; `undefined` where it has so many that its pages are more than `instead`, the questions that they save. */
export const listedTags = (
  { registry, repository }: Place,
  instead: number,
): Effect.Effect<ReadonlySet<Tag> | undefined, RegistryError> => {
  const found = new Set<Tag>();
  let pages = 0;
  return registry.tags(repository).pipe(
    Stream.take(instead),
    Stream.runForEach((page) =>
      Effect.sync(() => {
        pages += 1;
        for (const tag of page) found.add(tag);
      }),
    ),
    Effect.map(() => (pages < instead ? found : undefined)),
  );
};

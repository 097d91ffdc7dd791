import type { WorkItem } from "@drayage/domain";
import type { Registry } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { onTarget, type ReplicateError, unproven } from "./failure.ts";
import { outcomes } from "./outcome.ts";

/**
 * What follows when HEAD does not find a tag of ours at the target, and the source has none either. It stops being ours by it, so the target has to
 * say so in words. One that does not know the repository, or hides it from us, says nothing about the tag: what we own there stays in our books, for the day
 * it shows the repository again.
 */
export const goneAtTarget = Effect.fnUntraced(function* (item: WorkItem, target: Registry) {
  const { repository, tag } = item;
  const says = outcomes(item);
  const found = yield* onTarget(Effect.as(target.manifest(repository, tag), "there" as const)).pipe(
    Effect.catchIf(isAbsent, ({ failure }) => Effect.succeed(failure.reason)),
  );
  if (found === "not-found") return says.level("unchanged", null);
  if (found === "repository-unknown")
    return says.skipped("target-hidden", `${item.target} does not know ${repository}, or hides it from us`);
  return yield* unproven(item, "a GET found the tag that HEAD did not", "target");
});

const isAbsent = ({ failure }: ReplicateError): boolean =>
  failure.reason === "not-found" || failure.reason === "repository-unknown";

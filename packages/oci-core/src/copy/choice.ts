import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import { choosePlatforms, type PlatformChoice, rewriteIndex } from "../model/choose-platforms.ts";
import type { Manifest } from "../model/manifest.ts";
import { platformString } from "../model/platform.ts";
import type { Registry } from "../registry/registry.ts";
import { CopyError } from "./errors.ts";

/** What of an image a copy is about. */
export interface Choice {
  /** Undefined: all. An image that is no index has one platform and is taken as it is. */
  readonly platforms: PlatformChoice | undefined;
  readonly foreignLayers: "leave" | "copy";
  /** Equal for equal choices: what was brought for one is not taken for what another wants. */
  readonly key: string;
}

export const choiceOf = (request: {
  readonly platforms?: PlatformChoice | undefined;
  readonly foreignLayers?: "leave" | "copy" | undefined;
}): Choice => {
  const { platforms, foreignLayers = "leave" } = request;
  const names = platforms === undefined ? "all" : platforms.only.map(platformString).toSorted().join(",");
  return { platforms, foreignLayers, key: `${names} ${platforms?.index ?? "keep"} ${foreignLayers}` };
};

export const NOTHING_OMITTED: ReadonlySet<Digest> = new Set();

/**
 * The entries of a top that stays as it is and that are left out of this copy. Fails where none is wanted, and where the target is known to refuse
 * an index without all its images.
 */
export const omittedOf = (
  top: Manifest,
  { platforms }: Choice,
  reference: string,
  target: Pick<Registry, "name" | "traits">,
): Effect.Effect<ReadonlySet<Digest>, CopyError> => {
  if (platforms?.index !== "keep" || top._tag !== "Index") return Effect.succeed(NOTHING_OMITTED);
  const chosen = choosePlatforms(top, platforms.only);
  if (chosen === undefined) return Effect.fail(platformMissing(top, platforms, reference));
  const wanted = new Set(chosen.map(({ digest }) => digest));
  const omitted = new Set(top.manifests.map(({ digest }) => digest).filter((digest) => !wanted.has(digest)));
  return omitted.size > 0 && target.traits.sparseIndex === "refused"
    ? Effect.fail(
        sparseRefused(`${target.name}, from ${reference}`, "registries of this kind want every image of an index"),
      )
    : Effect.succeed(omitted);
};

/** The top as it is put at the target: rewritten where the choice says so. */
export const rewrittenTop = (
  top: Manifest,
  platforms: PlatformChoice,
  reference: string,
): Effect.Effect<Manifest, CopyError> => {
  if (top._tag !== "Index") return Effect.succeed(top);
  const chosen = choosePlatforms(top, platforms.only);
  return chosen === undefined
    ? Effect.fail(platformMissing(top, platforms, reference))
    : Effect.succeed(rewriteIndex(top, chosen));
};

const platformMissing = (top: Manifest, { only }: PlatformChoice, reference: string): CopyError => {
  const entries = top._tag === "Index" ? top.manifests : [];
  const has = entries.flatMap(({ platform }) => (platform === undefined ? [] : [platformString(platform)]));
  return new CopyError({
    side: "source",
    operation: "choose platforms",
    reference,
    reason: "platform-missing",
    detail: `none of ${only.map(platformString).join(", ")} is in the index, which has ${[...new Set(has)].join(", ")}: name another platform, or leave the image out`,
    retryable: false,
  });
};

/** The target wants all that an index names. */
export const sparseRefused = (reference: string, said: string, cause?: CopyError): CopyError =>
  new CopyError({
    side: "target",
    operation: "PUT sparse index",
    reference,
    reason: "sparse-index-refused",
    detail: `an index without all its images is not taken (${said}): copy all platforms, or let the index be rewritten, which changes its digest`,
    retryable: false,
    status: cause?.status,
    requestId: cause?.requestId,
    cause: cause?.cause,
  });

import * as Effect from "effect/Effect";
import type { RepositoryName } from "../model/brand.ts";
import { choosePlatforms, type PlatformChoice, rewriteIndex } from "../model/choose-platforms.ts";
import type { RegistryError } from "../registry/errors.ts";
import type { Registry, Resolved } from "../registry/registry.ts";

/**
 * What a target is to hold for `found`, which the source has: the same, unless the index is rewritten. That is computed from the index of the source and
 * always gives the same, so nobody has to write it down; it costs a GET by digest. `undefined`: none of the platforms is in the index.
 */
export const wantedAtTarget = <Found extends Pick<Resolved, "digest">>(
  source: Pick<Registry, "manifest">,
  repository: RepositoryName,
  found: Found,
  platforms: PlatformChoice | undefined,
): Effect.Effect<Found | Resolved | undefined, RegistryError> => {
  if (platforms?.index !== "rewrite") return Effect.succeed(found);
  return Effect.map(source.manifest(repository, found.digest), (top) => {
    if (top._tag !== "Index") return found;
    const chosen = choosePlatforms(top, platforms.only);
    if (chosen === undefined) return undefined;
    const { digest, mediaType, bytes } = rewriteIndex(top, chosen);
    return { digest, mediaType, size: bytes.byteLength };
  });
};

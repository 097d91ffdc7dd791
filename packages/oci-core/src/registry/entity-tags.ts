import type { Digest } from "../model/brand.ts";
import type { HttpAnswer } from "./http.ts";
import type { Resolved } from "./registry.ts";
import type { RegistryTraits } from "./traits.ts";

/**
 * Whether the entity tags of a registry are its digests, learnt from its own answers: then `If-None-Match` asks whether a tag still has one.
 * docker-registry answers so; it is no part of the distribution specification, so nobody is believed to before it was seen.
 */
export interface EntityTags {
  readonly areDigests: () => boolean;
  /** An answer with content of this digest. A weak tag, another one or none proves nothing. */
  readonly seen: (answer: HttpAnswer, digest: Digest) => void;
  /** Whether this 304 says that the tag has what we asked with. One that does not fit ends all such questions. */
  readonly confirms: (answer: HttpAnswer, known: Resolved) => boolean;
}

export const makeEntityTags = (registry: URL, { conditional }: Pick<RegistryTraits, "conditional">): EntityTags => {
  let state: "unknown" | "digests" | "unusable" = conditional === "never" ? "unusable" : "unknown";
  // Another host, to which a registry redirects, has entity tags of its own.
  const isOwn = (answer: HttpAnswer): boolean => answer.url.origin === registry.origin;
  return {
    areDigests: () => state === "digests",
    seen: (answer, digest) => {
      if (state === "unknown" && answer.header("etag") === entityTag(digest) && isOwn(answer)) state = "digests";
    },
    confirms: (answer, { digest }) => {
      const named = answer.header("docker-content-digest") ?? digest;
      const tagged = answer.header("etag") ?? entityTag(digest);
      const fits = isOwn(answer) && named === digest && tagged === entityTag(digest);
      if (!fits) state = "unusable";
      return fits;
    },
  };
};

/** As it stands in `ETag` and `If-None-Match`. */
export const entityTag = (digest: Digest): string => `"${digest}"`;

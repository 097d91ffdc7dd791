import type { Registry, RegistryError, Resolved } from "@drayage/oci-core";
import { parseDigestTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

/** What the source says when asked, with care, whether a tag is gone. */
export type Absence =
  /** MANIFEST_UNKNOWN to a GET with every type; the repository's own list, read with the same credential, does not name it; and another tag of it can be read. */
  | { readonly _tag: "Absent" }
  /** It is there after all, and this is it: HEAD was wrong. */
  | { readonly _tag: "Present"; readonly found: Resolved }
  /** No tag is left (`empty`), or the repository itself is unknown, and a hidden one looks the same (`unknown`): a person decides. */
  | { readonly _tag: "RepositoryGone"; readonly how: "empty" | "unknown" }
  /** The two answers contradict each other. Asked again later. */
  | { readonly _tag: "Unproven"; readonly why: string };

/** An answer from which something may follow. */
export type Gone = Exclude<Absence, { _tag: "Present" | "Unproven" }>;

/** Other tags that are tried as witnesses: one may be deleted at this very moment, three hardly are. */
const WITNESSES_MOST = 3;

/**
 * Proof of absence (DESIGN.md section 6): 401, 403, 429, 5xx, HTML or a timeout are errors here and never a proof. The caller asks
 * twice, `confirmAfter` apart.
 */
export const proveAbsence = Effect.fnUntraced(function* (
  registry: Registry,
  repository: RepositoryName,
  tag: Tag,
): Effect.fn.Return<Absence, RegistryError> {
  const read = yield* readTag(registry, repository, tag);
  if (typeof read === "object") return { _tag: "Present", found: read };
  const means = yield* registry.powers.absence?.(repository) ?? Effect.succeed(undefined);
  if (means?._tag === "Unknown") return { _tag: "Unproven", why: means.why };
  if (read === "repository-unknown") return { _tag: "RepositoryGone", how: "unknown" };
  const listed = yield* listTags(registry, repository, tag);
  if (listed === "repository-unknown") return { _tag: "RepositoryGone", how: "unknown" };
  if (listed.named) return { _tag: "Unproven", why: "tags/list still names the tag that cannot be read" };
  if (listed.others.length === 0) return { _tag: "RepositoryGone", how: "empty" };
  // A backend that has lost its manifests, or half its list, would say all of the above of a tag that is there.
  for (const other of listed.others) {
    if (yield* canBeRead(registry, repository, other)) return { _tag: "Absent" };
  }
  return { _tag: "Unproven", why: `${listed.others.join(", ")} cannot be read either, and tags/list names them` };
});

/** A GET with every manifest type. Absent only if the registry says so in words. */
const readTag = (registry: Registry, repository: RepositoryName, tag: Tag) =>
  registry.manifest(repository, tag).pipe(
    Effect.map(({ digest, mediaType, bytes }): Resolved | "absent" | "repository-unknown" => ({
      digest,
      mediaType,
      size: bytes.byteLength,
    })),
    Effect.catchTag("RegistryError", (error) => {
      if (error.reason === "repository-unknown") return Effect.succeed("repository-unknown" as const);
      const isUnknown = error.reason === "not-found" && error.code === "MANIFEST_UNKNOWN" && error.status === 404;
      return isUnknown ? Effect.succeed("absent" as const) : Effect.fail(error);
    }),
  );

/** A document that we would refuse to copy has been read, too. */
const canBeRead = (registry: Registry, repository: RepositoryName, tag: Tag) =>
  readTag(registry, repository, tag).pipe(
    Effect.map((read) => typeof read === "object"),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "manifest-refused" || error.reason === "too-large" ? Effect.succeed(true) : Effect.fail(error),
    ),
  );

/** The whole list, of which we keep whether it names the tag, and a few others. A digest-tag (a signature) is no witness: it may outlive its image. */
const listTags = (registry: Registry, repository: RepositoryName, tag: Tag) => {
  const others: Array<Tag> = [];
  let named = false;
  return registry.tags(repository).pipe(
    Stream.runForEach((page) =>
      Effect.sync(() => {
        for (const name of page) {
          if (name === tag) named = true;
          else if (others.length < WITNESSES_MOST && parseDigestTag(name) === undefined) others.push(name);
        }
      }),
    ),
    Effect.map(() => ({ named, others })),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "repository-unknown" ? Effect.succeed("repository-unknown" as const) : Effect.fail(error),
    ),
  );
};

import type { Registry, RegistryError } from "@drayage/oci-core";
import { parseDigestTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";

/** What the source says when asked, with care, whether a tag is gone. */
export type Absence =
  /** MANIFEST_UNKNOWN to a GET with every type, and the repository's own list, read with the same credential, names others and not this one. */
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Present" }
  /** No tag is left, or the repository itself is unknown: a hidden repository looks the same, so a person decides. */
  | { readonly _tag: "RepositoryGone" }
  /** The two answers contradict each other. Asked again later. */
  | { readonly _tag: "Unproven"; readonly why: string };

/**
 * Proof of absence (DESIGN.md section 6): 401, 403, 429, 5xx, HTML or a timeout are errors here and never a proof. The caller asks
 * twice, `confirmAfter` apart.
 */
export const proveAbsence = Effect.fnUntraced(function* (
  registry: Registry,
  repository: RepositoryName,
  tag: Tag,
): Effect.fn.Return<Absence, RegistryError> {
  const read = yield* registry.manifest(repository, tag).pipe(
    Effect.as("present" as const),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "not-found" && error.code === "MANIFEST_UNKNOWN"
        ? Effect.succeed("absent" as const)
        : error.reason === "repository-unknown"
          ? Effect.succeed("repository-gone" as const)
          : Effect.fail(error),
    ),
  );
  if (read === "present") return { _tag: "Present" };
  if (read === "repository-gone") return { _tag: "RepositoryGone" };
  const witness = { listed: false, others: 0 };
  const listed = yield* registry.tags(repository).pipe(
    Stream.runForEach((page) =>
      Effect.sync(() => {
        for (const name of page) {
          if (name === tag) witness.listed = true;
          else if (parseDigestTag(name) === undefined) witness.others += 1;
        }
      }),
    ),
    Effect.as(true),
    Effect.catchTag("RegistryError", (error) =>
      error.reason === "repository-unknown" ? Effect.succeed(false) : Effect.fail(error),
    ),
  );
  if (!listed || (witness.others === 0 && !witness.listed)) return { _tag: "RepositoryGone" };
  if (witness.listed) return { _tag: "Unproven", why: "tags/list still names the tag that cannot be read" };
  return { _tag: "Absent" };
});

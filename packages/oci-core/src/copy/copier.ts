import type * as Effect from "effect/Effect";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import type { PlatformChoice } from "../model/choose-platforms.ts";
import type { ReferrerChoice } from "../model/referrer-choice.ts";
import type { Registry, Resolved } from "../registry/registry.ts";
import type { RepositoryCopyRequest, RepositoryCopyResult } from "./copy-repository.ts";
import type { ManyTargetsRequest, TargetOutcome } from "./copy-to-many.ts";
import type { CopyError } from "./errors.ts";

/** How deep a copy looks before it may call a target equal. `tag`: equal top digests end it. `referrers`: they too. `deep`: every child and blob is asked for, which heals a half image. */
export type Depth = "tag" | "referrers" | "deep";

export interface CopyRequest<E = never> {
  readonly source: {
    readonly registry: Registry;
    readonly repository: RepositoryName;
    readonly reference: Tag | Digest;
  };
  /** Without `tag` the image is put by digest only. */
  readonly target: { readonly registry: Registry; readonly repository: RepositoryName; readonly tag?: Tag | undefined };
  readonly depth: Depth;
  readonly referrers: "all" | "none" | ReferrerChoice;
  /** Default: all platforms of an index. */
  readonly platforms?: PlatformChoice | undefined;
  /**
   * Layers that their makers do not allow to be passed on (Windows base layers). `leave`: they stay where their makers have them. `copy`: as any other
   * layer, from the source registry and never from an address in the manifest; one that the source does not hold fails the copy. Default `leave`.
   */
  readonly foreignLayers?: "leave" | "copy" | undefined;
  /** What the caller already knows, so that nobody asks twice. `held: null` says the target lacks the tag. */
  readonly known?: { readonly wanted?: Resolved | undefined; readonly held?: Resolved | null | undefined } | undefined;
  /**
   * Repositories nearer than the source that may hold the same blobs: bytes are taken by digest from the first that has them. What is to be copied
   * is still the source's word alone.
   */
  readonly bytesFrom?: ReadonlyArray<{ readonly registry: Registry; readonly repository: RepositoryName }> | undefined;
  /** Other copies of this process want the same blobs now: each is read once, through the copier's spool if it has one. */
  readonly shared?: boolean | undefined;
  /**
   * The last gate, run once everything else is in place and right before the tag is put: the caller's lease and
   * intent are checked here. Its failure ends the copy, and the tag stays as it was.
   */
  readonly beforeTag?: ((digest: Digest) => Effect.Effect<void, E>) | undefined;
  /** Called as bytes and blobs move. Must be cheap and must not throw. */
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

export type CopyProgress =
  | { readonly _tag: "BlobStarted"; readonly digest: Digest; readonly size: number }
  | { readonly _tag: "BlobBytes"; readonly digest: Digest; readonly bytes: number }
  | {
      readonly _tag: "BlobDone";
      readonly digest: Digest;
      readonly size: number;
      readonly way: "copied" | "mounted" | "present";
    }
  | { readonly _tag: "ManifestDone"; readonly digest: Digest };

export interface WayCount {
  readonly copied: number;
  readonly mounted: number;
  readonly present: number;
}

export interface CopyResult {
  /** The one digest that the whole copy was pinned to, confirmed by the target under its tag. */
  readonly digest: Digest;
  /** What the source has: another digest than `digest` only where an index was rewritten. */
  readonly sourceDigest: Digest;
  readonly mediaType: string;
  /** `unchanged`: nothing had to be put at the target. */
  readonly action: "copied" | "unchanged";
  readonly blobs: WayCount;
  readonly bytes: WayCount;
  /** Digests of all manifests of the graph that were walked, the top first, referrers not included; at most 1,000. Only the top for `unchanged` at depth `tag`. */
  readonly manifests: ReadonlyArray<Digest>;
  /** Referrers and digest-tags that are in place. */
  readonly referrers: number;
  /** Referrers that were of the types wanted, and more than `most`. */
  readonly referrersLeft: number;
  readonly durationMs: number;
}

/** Copies images. One copier holds what concurrent copies share: the blob index and the single flight of each blob, for each target registry. */
export interface Copier {
  readonly copy: <E = never>(request: CopyRequest<E>) => Effect.Effect<CopyResult, CopyError | E>;
  /** Copies one image to several targets and reads each blob once, where the copier has a spool. A target that fails or stalls delays no other. */
  readonly copyToMany: (request: ManyTargetsRequest) => Effect.Effect<ReadonlyArray<TargetOutcome>, CopyError>;
  /** Copies all tags of a repository, or some, with fewer requests than a copy for each. Fails only when the source cannot be listed. */
  readonly copyRepository: (request: RepositoryCopyRequest) => Effect.Effect<RepositoryCopyResult, CopyError>;
}

import type { Readable } from "node:stream";
import type * as Effect from "effect/Effect";
import type * as Stream from "effect/Stream";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Manifest } from "../model/manifest.ts";
import type { RegistryError } from "./errors.ts";
import type { Examine } from "./examination.ts";
import type { RegistryTraits } from "./traits.ts";

/** What HEAD tells: enough to decide whether two sides agree. */
export interface Resolved {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
}

/** A blob that is being read: a back-pressured stream of exactly `size` bytes, not yet verified. */
export interface BlobBody {
  /** Bytes that `stream` gives: the blob's size less `from`. */
  readonly size: number;
  /** Fails with `RegistryError` (`network`, `stalled`, `digest-mismatch` for a wrong length); an error that nobody heard waits in `stream.errored`. */
  readonly stream: Readable;
}

/** How an upload began: the registry already has the blob (mounted), or an upload session is open. */
export type UploadStart = { readonly _tag: "Mounted" } | { readonly _tag: "Opened"; readonly location: URL };

/** One tag of a listing. */
export interface ListedTag {
  readonly tag: Tag;
  /** What it pointed to when it was listed, where the listing tells. */
  readonly digest?: Digest | undefined;
}

/**
 * What some registries can do beyond the distribution specification: asked for, and absent where there is no such thing. Each fails with
 * `RegistryError` alone, like the methods of `Registry`.
 */
export interface RegistryPowers {
  /** Tags of a repository with their digests, page by page, by the registry's own API: saves a HEAD for each tag. Digest-tags are included. */
  readonly list?: (repository: RepositoryName) => Stream.Stream<ReadonlyArray<ListedTag>, RegistryError>;
  /** Makes ready what a push into the repository needs. `false`: it was there already. Safe to be called by several at once. */
  readonly createRepository?: (repository: RepositoryName) => Effect.Effect<boolean, RegistryError>;
  /** Promotion by the registry's own API: copies or moves one tag within the registry without moving bytes. */
  readonly promote?: (promotion: NativePromotion) => Effect.Effect<void, RegistryError>;
  /** Digests of the indexes in the repository that list this manifest. */
  readonly parents?: (
    repository: RepositoryName,
    digest: Digest,
  ) => Effect.Effect<ReadonlyArray<Digest>, RegistryError>;
  /** Where in the registry a manifest or blob of this digest is, by the registry's own search. */
  readonly find?: (digest: Digest) => Effect.Effect<ReadonlyArray<FoundContent>, RegistryError>;
  /**
   * Whether a tag that is absent was deleted. `unknown`, with the reason: what is read there is a cache or a view of other repositories, where
   * things go without being deleted. Without the power: `deleted`. Deletions ask it before they believe an absence (DESIGN.md section 6).
   */
  readonly absence?: (repository: RepositoryName) => Effect.Effect<AbsenceMeans, RegistryError>;
  /** Checks of `dray doctor` that only this type of registry needs. */
  readonly examine?: Examine;
}

/** What follows from the absence of a tag. */
export type AbsenceMeans = { readonly _tag: "Deleted" } | { readonly _tag: "Unknown"; readonly why: string };

/** One tag (or, without one, every tag of the image) to another place in the same registry. */
export interface NativePromotion {
  readonly from: { readonly repository: RepositoryName; readonly tag?: Tag | undefined };
  readonly to: { readonly repository: RepositoryName; readonly tag?: Tag | undefined };
  /** `copy` leaves the source as it is. */
  readonly mode: "copy" | "move";
}

/** A place where a registry holds a digest. */
export interface FoundContent {
  readonly repository: RepositoryName;
  /** Absent for a blob, and for a manifest that is stored by digest only. */
  readonly tag?: Tag | undefined;
}

/**
 * One registry, with its credentials, limits and traits: the whole of what the copy engine asks for.
 * Every method fails with `RegistryError` alone, and honours interruption by aborting its request.
 * Source: OCI distribution-spec v1.1.1, end-1 to end-14.
 */
export interface Registry {
  /** Its name in the configuration, or its host: used in errors, metrics and as the key of the blob index. */
  readonly name: string;
  readonly url: URL;
  readonly traits: RegistryTraits;
  /** What it can do beyond the specification. `{}` for a plain registry. */
  readonly powers: RegistryPowers;

  /**
   * HEAD; GET where HEAD leaves something open (no digest, type or length, or HEAD is not supported). `undefined`: nothing is there as far
   * as HEAD can tell. It is NO proof of absence: a 404 of HEAD has no body, so a proxy or the wrong backend may have
   * sent it. Whoever wants to delete because of it asks `manifest`, which fails with `not-found` only if the registry said so.
   * `known`: what the tag is believed to hold, from another place that was asked in full. A registry that compares may answer that it still
   * does, without looking at its content, so the registry that the belief is from is never asked in this way. The answer is then `known`.
   */
  readonly resolve: (
    repository: RepositoryName,
    reference: Tag | Digest,
    known?: Resolved | undefined,
  ) => Effect.Effect<Resolved | undefined, RegistryError>;
  /** Whether `resolve` makes use of `known`, as far as earlier answers tell: then it is worth having it first. Default: it does not. */
  readonly comparesDigests?: (() => boolean) | undefined;
  /**
   * GET with every manifest type in Accept; bytes verified against a digest reference, hashed for a tag; at most 8 MiB.
   * Fails with `manifest-refused` for a document that can never be copied (see `parseManifest`).
   * Fails with `not-found` only when the registry said MANIFEST_UNKNOWN or `repository-unknown` on NAME_UNKNOWN.
   */
  readonly manifest: (repository: RepositoryName, reference: Tag | Digest) => Effect.Effect<Manifest, RegistryError>;
  /**
   * PUT of the very bytes. Fails if the registry names another digest. `subjectAccepted`: answered with OCI-Subject. `named`: the answer
   * names the digest that is stored, which the specification leaves open.
   */
  readonly putManifest: (
    repository: RepositoryName,
    reference: Tag | Digest,
    manifest: Pick<Manifest, "bytes" | "mediaType" | "digest">,
  ) => Effect.Effect<{ readonly subjectAccepted: boolean; readonly named?: boolean | undefined }, RegistryError>;

  readonly hasBlob: (repository: RepositoryName, digest: Digest) => Effect.Effect<boolean, RegistryError>;
  /**
   * Opens a read from byte `from` (Range; a registry that ignores it sends the whole blob, of which the first `from` bytes are skipped).
   * Redirects are followed without credentials. The caller drains or destroys the stream: until then it holds one of `traits.concurrency`.
   */
  readonly blob: (
    repository: RepositoryName,
    descriptor: Descriptor,
    from?: number,
  ) => Effect.Effect<BlobBody, RegistryError>;
  /** POST …/uploads/, with `mount` and `from` when a repository that holds the blob is known. */
  readonly startUpload: (
    repository: RepositoryName,
    mount?: { readonly digest: Digest; readonly from: RepositoryName },
  ) => Effect.Effect<UploadStart, RegistryError>;
  /**
   * Sends the whole body to an open upload, in the form of `traits.upload`, and commits it under the digest.
   * The body must have been wrapped by `verified` so that it errors rather than ends on wrong bytes.
   */
  readonly upload: (
    repository: RepositoryName,
    location: URL,
    descriptor: Descriptor,
    body: Readable | Uint8Array,
  ) => Effect.Effect<void, RegistryError>;
  /** DELETE of an upload that is given up. Failures are of no consequence and are not reported. */
  readonly cancelUpload: (repository: RepositoryName, location: URL) => Effect.Effect<void>;

  /** tags/list, page by page, in the order of the registry (may be unsorted). Digest-tags are included. A missing repository fails with `repository-unknown`. */
  readonly tags: (repository: RepositoryName) => Stream.Stream<ReadonlyArray<Tag>, RegistryError>;
  /** `_catalog`, page by page. Many registries refuse it: `unsupported` or `denied`. */
  readonly repositories: () => Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError>;
  /** Descriptors whose subject is `digest`, by API or fallback tag, whichever the registry has. A throttled listing is an error, never "none". */
  readonly referrers: (
    repository: RepositoryName,
    digest: Digest,
  ) => Effect.Effect<ReadonlyArray<Descriptor>, RegistryError>;

  /** DELETE manifests/<tag or digest>. `false`: it was not there. */
  readonly deleteManifest: (
    repository: RepositoryName,
    reference: Tag | Digest,
  ) => Effect.Effect<boolean, RegistryError>;
}

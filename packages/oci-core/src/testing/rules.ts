import type { StrictAuth } from "./auth.ts";

/** A limit that answers 429 when more matching requests than `perSecond` came within one second of the clock. */
export interface RateRule {
  readonly method?: string | undefined;
  /** Tested against path and query. */
  readonly path?: RegExp | undefined;
  readonly perSecond: number;
}

/** Tags that cannot be moved, and what a registry says to the attempt (Quay 409, Harbor 412, ECR 400). */
export interface ImmutableRule {
  readonly tags: RegExp;
  readonly status: number;
  readonly code: string;
  /** Whether putting the digest that the tag already has is a success. */
  readonly sameDigest: "accepted" | "refused";
  /** What it says. Default: that the tag is immutable. */
  readonly message?: string | undefined;
}

/** How this registry behaves. All of it can be changed while it runs. */
export interface StrictRegistryRules {
  /**
   * What DELETE manifests removes. `tag`: a tag or a digest. `digest`: only digests; a tag is answered with 400 DIGEST_INVALID,
   * as docker-registry 2.8.2 does. `none`: nothing, 405 UNSUPPORTED. Default `tag`.
   */
  readonly tagDelete: "tag" | "digest" | "none";
  /** Whether the referrers API exists and `OCI-Subject` is answered. Default `api`. */
  readonly referrers: "api" | "none";
  /** Largest page of referrers. Default 100. */
  readonly referrersPageSize: number;
  /** Whether a mount is fulfilled, or always turned into an upload (Artifact Registry). Default `honoured`. */
  readonly mount: "honoured" | "refused";
  /** A second PATCH of one upload: `append` by the specification, `refuse` (Artifact Registry), `replace` (GHCR: the last one wins). Default `append`. */
  readonly patches: "append" | "refuse" | "replace";
  /** `OCI-Chunk-Min-Length` in bytes: every chunk but the last must have as many. Default: none. */
  readonly chunkMinLength?: number | undefined;
  /** Largest body of a closing PUT in bytes, 413 above it (ACR: about 20 MB). Default: none. */
  readonly putBodyMax?: number | undefined;
  /** Whether `Location` carries scheme and host, or is a path. Default `absolute`. */
  readonly locations: "absolute" | "relative";
  /** Whether GET of a blob is redirected to the storage host, which refuses credentials. Default false. */
  readonly redirectBlobs: boolean;
  /**
   * Paths of this host below which open uploads and the content of blobs are, instead of below `/v2/` (Artifact Registry). GET of a blob is
   * redirected. Default: none.
   */
  readonly relocate?: { readonly uploads: string; readonly downloads: string } | undefined;
  /** Whether Accept must name the type of the manifest (docker-registry), or anything goes. Default `listed`. */
  readonly accept: "listed" | "any";
  /** What `ETag` of a manifest is, and whether `If-None-Match` is answered with 304: `digest` as at docker-registry, or `none`. Default `digest`. */
  readonly entityTags: "digest" | "none";
  /** Whether a push creates its repository, or needs one that exists (ECR, Harbor projects). Default true. */
  readonly createRepositories: boolean;
  /** Largest page of tags/list and _catalog; a larger `n` is cut to it without a word. Default 1000. */
  readonly listPageMax: number;
  /** Whether _catalog exists. Default true. */
  readonly catalog: boolean;
  /** Default: tags can be moved. */
  readonly immutable?: ImmutableRule | undefined;
  /** Whether an index may name manifests that are not there (a sparse index). Default `required`. */
  readonly indexChildren: "required" | "any";
  /**
   * Milliseconds until what was pushed can be read: until then a new manifest is unknown and a moved tag names what it named before, though the
   * push was answered with 201 (storage that is consistent in the end). Default 0.
   */
  readonly readsLagMs: number;
  /** Default: none. */
  readonly rates: ReadonlyArray<RateRule>;
  /** Who may do what. Default anonymous: everybody everything. */
  readonly auth: StrictAuth;
}

/** The specification as it stands, with everything that it makes optional. */
export const STRICT_RULES: StrictRegistryRules = {
  tagDelete: "tag",
  referrers: "api",
  referrersPageSize: 100,
  mount: "honoured",
  patches: "append",
  locations: "absolute",
  redirectBlobs: false,
  accept: "listed",
  entityTags: "digest",
  createRepositories: true,
  listPageMax: 1000,
  catalog: true,
  indexChildren: "required",
  readsLagMs: 0,
  rates: [],
  auth: { _tag: "Anonymous" },
};

/** Every bound of a copy, each with the reason for its number. Those in `CopyLimits` can be set by the caller. */

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Blobs up to this size are read whole and verified before an upload is opened for them: a configuration that is wrong costs the target
 * nothing. Larger ones are relayed, whose last bytes wait for the digest too, and need no memory of their own (measured on layers of 1 MiB:
 * 207 MiB resident instead of 124, and more time, where they are held whole).
 */
export const WHOLE_BLOB_BYTES_MAX = 128 * KIB;
/** All blobs that one copier holds whole at once, whatever the number of copies: 64 of the largest. */
export const WHOLE_BLOBS_BYTES_MAX = 8 * MIB;
/** What the least blob takes of it: a configuration of 2 KiB has its stream and its requests too. */
export const WHOLE_BLOB_UNIT_BYTES = 16 * KIB;
/**
 * From here a blob counts as large: few at once since they fill the line, and worth a HEAD since that costs nothing
 * beside them.
 */
export const LARGE_BLOB_BYTES = 8 * MIB;
/** Large blobs that all copies send to one registry at once: several giants together leave most of its requests to the others. */
export const LARGE_STREAMS_MAX = 6;
/** Nesting of indexes: two are found in practice, four are the bound of facts/oci.md section 9. */
export const GRAPH_DEPTH_MAX = 4;
/** Children of one index, and manifests of one graph: the largest indexes in public use have some 30. */
export const GRAPH_MANIFESTS_MAX = 1000;
/** All manifests of one graph are held in memory while it is copied, so their bytes are bounded together. */
export const GRAPH_MANIFEST_BYTES_MAX = 64 * MIB;
/** Different blobs of one graph: 1,000 manifests of 20 layers. */
export const GRAPH_BLOBS_MAX = 20_000;
/** Sum of all blob sizes that a graph claims: the largest model images are a few hundred GiB. */
export const GRAPH_BLOB_BYTES_MAX = 2 ** 41;
/** Referrers of referrers: a signature on an SBOM on an image is two. */
export const REFERRER_DEPTH_MAX = 4;
/** Referrers of one copy, all subjects together: a listing that names more is an attack or a mistake. */
export const REFERRERS_MAX = 500;
/**
 * Digests of one image whose referrers are asked for: the top and the first children of its index. Each costs a
 * request.
 */
export const REFERRER_SUBJECTS_MAX = 50;
/** Pages of tags/list that are read in search of cosign tags, before single HEADs are cheaper. */
export const DIGEST_TAG_PAGES_MAX = 10;
/**
 * What we know of a repository's content is believed for this long without asking. Registries keep unreferenced content
 * for an hour and more.
 */
export const TRUST_MS = 15 * 60_000;
/** Pairs of digest and repository that the blob index remembers for one registry: about 10 MiB. */
export const INDEX_PAIRS_MAX = 50_000;
/** Repositories whose state (warm or cold) is remembered. */
export const REPOSITORIES_MAX = 10_000;
/** Bytes of finished top manifests that are remembered, to tag them again without walking them. */
export const FINISHED_BYTES_MAX = 16 * MIB;
/** Refusals without a single grant after which a registry counts as one that does not mount. */
export const MOUNT_REFUSALS_MAX = 3;
/** An upload that is given up is cancelled, but nobody waits longer than this for it. */
export const CANCEL_MS_MAX = 5_000;
/**
 * Progress after which the tries of a read start anew, so that a long blob on a bad line ends, and a dead line does
 * too.
 */
export const RESUME_PROGRESS_BYTES = 8 * MIB;
/** From this many tags on, one list of the target's tags is cheaper than a HEAD for each. */
export const LISTED_FROM_TAGS = 3;
/** Tags of a repository that are put before they are confirmed together: nobody waits for more of them to learn what became of one. */
export const CONFIRMED_TOGETHER_MAX = 500;
/** Writes of a fallback tag until our entries stay in it: another writer may come in between. */
export const FALLBACK_TRIES_MAX = 3;

/** What a caller may tune. */
export interface CopyLimits {
  /** Blobs below 8 MiB that one copy moves at once. Default 6. */
  readonly smallBlobs: number;
  /** Larger blobs that one copy moves at once: more share the same line and evict each other from the caches. Default 2. */
  readonly largeBlobs: number;
  /** Manifests that one copy reads or puts at once. Default 4. */
  readonly manifests: number;
  /** How often the move of one blob is tried. Default 5. */
  readonly blobTries: number;
  /** How often a read is resumed without much progress. Default 5. */
  readonly resumeTries: number;
  /**
   * First ceiling of a wait between tries, ms; it doubles, and each wait is drawn from it by full jitter. Default 500.
   */
  readonly backoffMs: number;
  /** Highest ceiling, and the longest Retry-After that a copy waits out, ms. Default 60,000. */
  readonly backoffMaxMs: number;
  /** A body without a byte for this long is given up, ms. Default 60,000. */
  readonly stallMs: number;
  /** How long a blob waits for another copy that moves it, ms, before it is moved once more. Default 900,000. */
  readonly waitMs: number;
  /** How often the target is asked for the tag it has just taken. Default 6. */
  readonly confirmTries: number;
}

export const DEFAULT_LIMITS: CopyLimits = {
  smallBlobs: 6,
  largeBlobs: 2,
  manifests: 4,
  blobTries: 5,
  resumeTries: 5,
  backoffMs: 500,
  backoffMaxMs: 60_000,
  stallMs: 60_000,
  waitMs: 15 * 60_000,
  confirmTries: 6,
};

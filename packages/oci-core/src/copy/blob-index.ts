import type { Digest, RepositoryName } from "../model/brand.ts";
import { INDEX_PAIRS_MAX, TRUST_MS } from "./limits.ts";

/**
 * Which repositories of a registry are known to hold a blob: learnt from every success, so that a blob that is there is
 * not asked for, and one that is in a sister repository is mounted instead of sent. It may forget at any time, and it
 * may be wrong (registries collect garbage): a wrong answer costs a request, never a half image. The caller may bring
 * one that persists. Times are ms since the epoch. Methods must not throw.
 */
export interface BlobIndex {
  /** Whether this repository held the blob within the last 15 minutes. */
  readonly holds: (registry: string, repository: RepositoryName, digest: Digest, now: number) => boolean;
  /** Whether it ever held the blob, as far as is remembered: worth a question. */
  readonly mayHold: (registry: string, repository: RepositoryName, digest: Digest) => boolean;
  /** The repository, other than `into`, that a mount is most likely to succeed from. */
  readonly mountSource: (registry: string, into: RepositoryName, digest: Digest) => RepositoryName | undefined;
  readonly learn: (registry: string, repository: RepositoryName, digest: Digest, now: number) => void;
  /**
   * A mount from here was answered 202: not offered again until it is learnt anew, and asked about before it is
   * believed.
   */
  readonly refused: (registry: string, repository: RepositoryName, digest: Digest) => void;
  /** The repository turned out to lack the blob. */
  readonly forget: (registry: string, repository: RepositoryName, digest: Digest) => void;
}

/** One thing that an index knows, to be kept over a restart. */
export interface BlobPlace {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** When it was last seen there, ms since the epoch. */
  readonly at: number;
}

/** The index in memory, which can be written down and made again. */
export interface MemoryBlobIndex extends BlobIndex {
  /** All that a mount may be asked of, the longest unused first: learn them in this order to have the same index. */
  readonly places: () => Iterable<BlobPlace>;
}

interface Known {
  /** When it was last seen there; long ago after a refused mount. */
  readonly at: number;
  readonly mountable: boolean;
}

/**
 * An index in memory. The digests that were used longest ago are dropped beyond `pairsMax` pairs for each registry. `places`: what another one knew.
 */
export const makeBlobIndex = (
  pairsMax: number = INDEX_PAIRS_MAX,
  places: Iterable<BlobPlace> = [],
): MemoryBlobIndex => {
  const registries = new Map<string, { readonly blobs: Map<Digest, Map<RepositoryName, Known>>; pairs: number }>();

  const set = (registry: string, repository: RepositoryName, digest: Digest, known: Known): void => {
    const entry = registries.get(registry) ?? { blobs: new Map<Digest, Map<RepositoryName, Known>>(), pairs: 0 };
    registries.set(registry, entry);
    const places = entry.blobs.get(digest) ?? new Map<RepositoryName, Known>();
    // Deleted and set again, here and below: a Map keeps the order of insertion, which makes it a list by last use.
    if (!places.delete(repository)) entry.pairs += 1;
    places.set(repository, known);
    entry.blobs.delete(digest);
    entry.blobs.set(digest, places);
    while (entry.pairs > pairsMax) {
      const [oldest] = entry.blobs;
      if (oldest === undefined) break;
      const [, held] = oldest;
      if (entry.blobs.size > 1) {
        entry.blobs.delete(oldest[0]);
        entry.pairs -= held.size;
      } else {
        const [first] = held.keys();
        if (first === undefined || !held.delete(first)) break;
        entry.pairs -= 1;
      }
    }
  };
  const get = (registry: string, digest: Digest): Map<RepositoryName, Known> | undefined =>
    registries.get(registry)?.blobs.get(digest);

  for (const { registry, repository, digest, at } of places) set(registry, repository, digest, { at, mountable: true });

  return {
    places: function* () {
      for (const [registry, { blobs }] of registries)
        for (const [digest, held] of blobs)
          for (const [repository, { at, mountable }] of held) if (mountable) yield { registry, repository, digest, at };
    },
    holds: (registry, repository, digest, now) => {
      const known = get(registry, digest)?.get(repository);
      return known !== undefined && now - known.at < TRUST_MS;
    },
    mayHold: (registry, repository, digest) => get(registry, digest)?.has(repository) === true,
    mountSource: (registry, into, digest) => {
      let best: RepositoryName | undefined;
      for (const [repository, known] of get(registry, digest) ?? []) {
        // The last one is the one seen last: the least likely to have been collected since.
        if (known.mountable && repository !== into) best = repository;
      }
      return best;
    },
    learn: (registry, repository, digest, now) => set(registry, repository, digest, { at: now, mountable: true }),
    refused: (registry, repository, digest) => {
      // Kept, not dropped: on a registry that never mounts, dropping it would make each repository in turn forget what
      // it holds.
      if (get(registry, digest)?.has(repository) === true)
        set(registry, repository, digest, { at: Number.NEGATIVE_INFINITY, mountable: false });
    },
    forget: (registry, repository, digest) => {
      const entry = registries.get(registry);
      const places = entry?.blobs.get(digest);
      if (entry === undefined || places?.delete(repository) !== true) return;
      entry.pairs -= 1;
      if (places.size === 0) entry.blobs.delete(digest);
    },
  };
};

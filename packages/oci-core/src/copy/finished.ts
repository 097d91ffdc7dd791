import type { Digest, RepositoryName } from "../model/brand.ts";
import type { Graph } from "./graph.ts";
import { FINISHED_BYTES_MAX, TRUST_MS } from "./limits.ts";

/**
 * Remembers images that this process has put in full into one repository of a target, so that another tag on the same
 * digest (a release that is `1.4.2`, `1.4`, `1` and `latest`) costs one PUT. Believed for 15 minutes; bounded by bytes,
 * the least recently used go first.
 */
export interface FinishedImages {
  readonly get: (registry: string, repository: RepositoryName, digest: Digest, now: number) => Graph | undefined;
  readonly add: (registry: string, repository: RepositoryName, graph: Graph, now: number) => void;
  readonly forget: (registry: string, repository: RepositoryName, digest: Digest) => void;
}

/** What a remembered digest or descriptor weighs beside the documents: its text and its place in an array. */
const DIGEST_BYTES = 200;

export const makeFinishedImages = (bytesMax: number = FINISHED_BYTES_MAX): FinishedImages => {
  const images = new Map<string, { readonly graph: Graph; readonly at: number; readonly weight: number }>();
  let total = 0;
  const keyOf = (registry: string, repository: RepositoryName, digest: Digest): string =>
    `${registry} ${repository} ${digest}`;
  const drop = (key: string): void => {
    total -= images.get(key)?.weight ?? 0;
    images.delete(key);
  };

  return {
    get: (registry, repository, digest, now) => {
      const key = keyOf(registry, repository, digest);
      const found = images.get(key);
      if (found === undefined) return undefined;
      if (now - found.at >= TRUST_MS) {
        drop(key);
        return undefined;
      }
      images.delete(key);
      images.set(key, found);
      return found.graph;
    },
    add: (registry, repository, graph, now) => {
      const key = keyOf(registry, repository, graph.top.digest);
      const bytes = [graph.top, ...graph.levels.flat()].reduce((sum, manifest) => sum + manifest.bytes.byteLength, 0);
      const weight = bytes + DIGEST_BYTES * (graph.digests.length + graph.blobs.length);
      drop(key);
      if (weight > bytesMax) return;
      images.set(key, { graph, at: now, weight });
      total += weight;
      for (const oldest of images.keys()) {
        if (total <= bytesMax) break;
        drop(oldest);
      }
    },
    forget: (registry, repository, digest) => drop(keyOf(registry, repository, digest)),
  };
};

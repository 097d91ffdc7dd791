import type { Registry, RegistryError } from "@drayage/oci-core";
import { type Descriptor, type Digest, parseDigest } from "@drayage/oci-core/model";
import type { Difference } from "@drayage/reconciler";
import * as Effect from "effect/Effect";

/** What bringing a target up to its source will move, as far as it can be known beforehand. */
export interface Estimate {
  readonly tags: number;
  /** Tags whose manifests were read; of more tags than that the rest is taken to be alike. */
  readonly sampled: number;
  /** Of different blobs: what the target has already is not taken off, so it is the most. Undefined: no manifest could be read. */
  readonly bytes: number | undefined;
  /** At the least, by the limits of the configuration; undefined: there are none, or nothing is known. */
  readonly hours: number | undefined;
}

/** Manifests read for one estimate: seconds of work, and enough that one odd image does not make the figure. */
const SAMPLE_MOST = 200;
/** How deep an index is followed. */
const DEPTH_MOST = 3;
const AT_ONCE = 8;
/** Besides its blobs a tag costs a HEAD, a PUT and what confirms it; a blob is asked for and sent. */
const REQUESTS_OF_TAG = 4;
const REQUESTS_OF_BLOB = 3;
const MS_OF_HOUR = 3_600_000;

/** What limits a registry, as its client keeps to. */
type Pace = Pick<Registry["traits"], "requestsPerSecond" | "bandwidth">;

/** Estimates one target. What cannot be read is left out of the sample: it would not be copied either. */
export const estimate = Effect.fnUntraced(function* (
  differences: ReadonlyArray<Difference>,
  registryOf: (name: string) => Registry | undefined,
): Effect.fn.Return<Estimate> {
  const wanted = differences.filter(({ wanted: digest }) => digest !== undefined);
  const every = Math.max(1, Math.ceil(wanted.length / SAMPLE_MOST));
  const sample = wanted.filter((_, n) => n % every === 0);
  const blobs = new Map<Digest, number>();
  const read = yield* Effect.forEach(
    sample,
    (one) => {
      const source = registryOf(one.source.registry);
      if (source === undefined || one.wanted === undefined) return Effect.succeed(false);
      return collect(source, one, one.wanted, blobs, DEPTH_MOST).pipe(
        Effect.as(true),
        Effect.catchTag("RegistryError", () => Effect.succeed(false)),
      );
    },
    { concurrency: AT_ONCE },
  );
  const sampled = read.filter(Boolean).length;
  const scale = sampled === 0 ? 0 : wanted.length / sampled;
  const bytes = sampled === 0 ? undefined : Math.round(scale * sum(blobs.values()));
  const paces = [...new Set(wanted.flatMap((one) => [one.source.registry, one.target]))].flatMap(
    (name) => registryOf(name)?.traits ?? [],
  );
  const requests = wanted.length * REQUESTS_OF_TAG + Math.round(scale * blobs.size) * REQUESTS_OF_BLOB;
  return { tags: wanted.length, sampled, bytes, hours: hoursOf(paces, bytes, requests) };
});

/** Pure. The slowest registry decides. */
export const hoursOf = (
  paces: ReadonlyArray<Pace>,
  bytes: number | undefined,
  requests: number,
): number | undefined => {
  const times = paces.flatMap(({ bandwidth, requestsPerSecond }) => [
    ...(bandwidth === undefined || bytes === undefined ? [] : [bytes / bandwidth]),
    ...(requestsPerSecond === undefined ? [] : [requests / requestsPerSecond]),
  ]);
  return times.length === 0 ? undefined : (Math.max(...times) * 1000) / MS_OF_HOUR;
};

const collect = (
  source: Registry,
  one: Difference,
  digest: Digest,
  blobs: Map<Digest, number>,
  depth: number,
): Effect.Effect<void, RegistryError> =>
  Effect.gen(function* () {
    const manifest = yield* source.manifest(one.source.repository, digest);
    if (manifest._tag === "Image") {
      for (const blob of [manifest.config, ...manifest.layers]) add(blobs, blob);
      return;
    }
    if (depth === 0) return;
    for (const child of manifest.manifests) {
      const below = parseDigest(child.digest);
      if (below !== undefined) yield* collect(source, one, below, blobs, depth - 1);
    }
  });

const add = (blobs: Map<Digest, number>, { digest, size }: Descriptor): void => void blobs.set(digest, size);
const sum = (sizes: Iterable<number>): number => [...sizes].reduce((all, size) => all + size, 0);

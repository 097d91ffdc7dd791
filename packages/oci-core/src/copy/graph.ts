import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { ImageManifest, Manifest } from "../model/manifest.ts";
import { isForeignLayerType } from "../model/media-types.ts";
import type { Choice } from "./choice.ts";
import { CopyError } from "./errors.ts";
import {
  GRAPH_BLOB_BYTES_MAX,
  GRAPH_BLOBS_MAX,
  GRAPH_DEPTH_MAX,
  GRAPH_MANIFEST_BYTES_MAX,
  GRAPH_MANIFESTS_MAX,
} from "./limits.ts";

/**
 * All that must be at the target before the top manifest may be put: read in full before the first byte is moved, so
 * that an image that is too large, or half gone, is refused while nothing has happened yet.
 */
export interface Graph {
  readonly top: Manifest;
  /** Every manifest below the top, once, by height: those of one level need only levels before it. */
  readonly levels: ReadonlyArray<ReadonlyArray<Manifest>>;
  /** Every blob of every manifest, once. Base layers first, since they are what others wait for. Foreign layers only by choice. */
  readonly blobs: ReadonlyArray<Descriptor>;
  /** Digests of all manifests, the top first. */
  readonly digests: ReadonlyArray<Digest>;
  /** Entries of the top that are left out: nothing looks for them at the target. */
  readonly omitted: ReadonlySet<Digest>;
  /** `Choice.key` of the copy that it was read for. */
  readonly choice: string;
}

/**
 * Reads one child by digest. `undefined` says that there is no manifest of that digest and the entry is to be moved as
 * a blob.
 */
export type FetchChild<E> = (child: Descriptor) => Effect.Effect<Manifest | undefined, E>;

/** The blobs that a manifest names itself: layers in order, then the configuration. */
export const blobsOf = (manifest: ImageManifest, foreignLayers: Choice["foreignLayers"]): ReadonlyArray<Descriptor> => {
  const blobs = [...manifest.layers, manifest.config];
  return foreignLayers === "copy" ? blobs : blobs.filter((blob) => !isForeignLayerType(blob.mediaType));
};

/**
 * Walks from `top` to every child. Reads at most `concurrency` children at once. Source of the bounds: facts/oci.md
 * section 9.
 */
export const walk = Effect.fnUntraced(function* <E>(
  top: Manifest,
  reference: string,
  fetch: FetchChild<E>,
  concurrency: number,
  { choice, omitted }: { readonly choice: Choice; readonly omitted: ReadonlySet<Digest> },
) {
  const manifests = new Map<Digest, Manifest>([[top.digest, top]]);
  const blobs = new Map<Digest, Descriptor>();
  const bytes = { manifests: top.bytes.byteLength, blobs: 0 };
  const addBlob = (blob: Descriptor): void => {
    if (blobs.has(blob.digest)) return;
    blobs.set(blob.digest, blob);
    bytes.blobs += blob.size;
  };

  let wave: ReadonlyArray<Manifest> = [top];
  for (let depth = 0; wave.length > 0; depth += 1) {
    const children = new Map<Digest, Descriptor>();
    for (const manifest of wave) {
      if (manifest._tag === "Image") {
        for (const blob of blobsOf(manifest, choice.foreignLayers)) addBlob(blob);
      } else {
        for (const child of manifest.manifests) {
          if (!manifests.has(child.digest) && !omitted.has(child.digest)) children.set(child.digest, child);
        }
      }
    }
    if (children.size > 0 && depth >= GRAPH_DEPTH_MAX) {
      return yield* tooLarge(reference, `indexes are nested deeper than ${GRAPH_DEPTH_MAX}`);
    }
    if (manifests.size + children.size > GRAPH_MANIFESTS_MAX) {
      return yield* tooLarge(reference, `more than ${GRAPH_MANIFESTS_MAX} manifests`);
    }
    const fetched = yield* Effect.forEach(
      children.values(),
      (child) =>
        Effect.flatMap(fetch(child), (manifest) => {
          bytes.manifests += manifest?.bytes.byteLength ?? 0;
          // Checked as they arrive: a thousand manifests of 8 MiB would be in memory before the end of the wave.
          return bytes.manifests > GRAPH_MANIFEST_BYTES_MAX
            ? Effect.fail(tooLarge(reference, `manifests of more than ${GRAPH_MANIFEST_BYTES_MAX} bytes together`))
            : Effect.succeed({ child, manifest });
        }),
      { concurrency },
    );
    const next: Array<Manifest> = [];
    for (const { child, manifest } of fetched) {
      if (manifest === undefined) {
        addBlob(child);
      } else {
        manifests.set(manifest.digest, manifest);
        next.push(manifest);
      }
    }
    wave = next;
  }
  if (blobs.size > GRAPH_BLOBS_MAX) return yield* tooLarge(reference, `more than ${GRAPH_BLOBS_MAX} blobs`);
  if (bytes.blobs > GRAPH_BLOB_BYTES_MAX)
    return yield* tooLarge(reference, `blobs of more than ${GRAPH_BLOB_BYTES_MAX} bytes together`);

  const levels = byHeight(top, manifests);
  if (levels === undefined) return yield* tooLarge(reference, "an index contains itself");
  const graph: Graph = {
    top,
    levels,
    blobs: [...blobs.values()],
    digests: [...manifests.keys()],
    omitted,
    choice: choice.key,
  };
  return graph;
});

/**
 * Groups what is below the top by its height over the leaves. A manifest that two indexes name, at different depths,
 * comes before both. `undefined`: a cycle, which no honest content can have, since a digest cannot be known before its
 * content.
 */
const byHeight = (
  top: Manifest,
  manifests: ReadonlyMap<Digest, Manifest>,
): ReadonlyArray<ReadonlyArray<Manifest>> | undefined => {
  const heights = new Map<Digest, number>();
  const open = new Set<Digest>();
  const measure = (manifest: Manifest): number | undefined => {
    const known = heights.get(manifest.digest);
    if (known !== undefined) return known;
    if (open.has(manifest.digest)) return undefined;
    open.add(manifest.digest);
    let height = 0;
    for (const child of manifest._tag === "Index" ? manifest.manifests : []) {
      const found = manifests.get(child.digest);
      const below = found === undefined ? -1 : measure(found);
      if (below === undefined) return undefined;
      height = Math.max(height, below + 1);
    }
    heights.set(manifest.digest, height);
    return height;
  };
  if (measure(top) === undefined) return undefined;
  const levels: Array<Array<Manifest>> = [];
  for (const [digest, manifest] of manifests) {
    if (digest === top.digest) continue;
    const height = heights.get(digest) ?? 0;
    while (levels.length <= height) levels.push([]);
    levels[height]?.push(manifest);
  }
  return levels;
};

const tooLarge = (reference: string, detail: string): CopyError =>
  new CopyError({ side: "source", operation: "walk", reference, reason: "graph-too-large", detail, retryable: false });

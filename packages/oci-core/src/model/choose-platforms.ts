import type { Descriptor, Platform } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import type { IndexManifest } from "./manifest.ts";
import { MEDIA_TYPES } from "./media-types.ts";

/** The platforms of an index that are wanted, and what becomes of the index. */
export interface PlatformChoice {
  readonly only: ReadonlyArray<Platform>;
  /**
   * `keep`: the index stays what it is, byte by byte, with its digest and its signatures; what is not wanted is missing behind it. Not every
   * registry takes such a sparse index (`RegistryTraits.sparseIndex`). `rewrite`: an index of the wanted alone, which has another digest and
   * none of the signatures of the old one.
   */
  readonly index: "keep" | "rewrite";
}

/** Annotation of a rewritten OCI index: the digest of the index that it was made from. */
export const REWRITTEN_FROM = "io.drayage.rewritten-from";

/** BuildKit: an entry about another entry of the same index. Source: docs.docker.com, "Image attestation storage". */
const ABOUT = "vnd.docker.reference.digest";

/** The variants that everybody has who names none. Source: containerd `platforms`, normalizeArch. */
const PLAIN: Readonly<Record<string, string>> = { arm64: "v8", amd64: "v1" };

/** Whether what is held is what is wanted. A wanted platform without a variant takes all variants: `linux/arm` is v6 and v7. */
export const matchesPlatform = (wanted: Platform, held: Platform): boolean =>
  wanted.os === held.os &&
  wanted.architecture === held.architecture &&
  (wanted.variant === undefined || variantOf(wanted) === variantOf(held));

const variantOf = ({ architecture, variant }: Platform): string =>
  variant === undefined || variant === "" ? (PLAIN[architecture] ?? "") : variant;

/**
 * The entries of an index that are wanted, in its order: those of the platforms, what BuildKit attests of them, and what has no platform (an index in
 * the index, an artefact), which cannot be judged and is taken whole. `undefined`: there are platforms, and none of them is wanted.
 */
export const choosePlatforms = (
  { manifests }: IndexManifest,
  only: ReadonlyArray<Platform>,
): ReadonlyArray<Descriptor> | undefined => {
  const about = ({ annotations }: Descriptor): string | undefined => annotations?.[ABOUT];
  const judged = manifests.filter((entry) => about(entry) === undefined && entry.platform !== undefined);
  const wanted = new Set<string>(
    judged
      .filter(({ platform }) => platform !== undefined && only.some((one) => matchesPlatform(one, platform)))
      .map(({ digest }) => digest),
  );
  if (judged.length > 0 && wanted.size === 0) return undefined;
  return manifests.filter((entry) => {
    const subject = about(entry);
    if (subject !== undefined) return wanted.has(subject);
    return entry.platform === undefined || wanted.has(entry.digest);
  });
};

/**
 * The index with the entries `chosen` alone: the same document otherwise, with the digest of its origin as an annotation (OCI; Docker's lists have none).
 * The same input gives the same bytes, so that its digest can be known without looking at a target. The same index where nothing is left out.
 */
export const rewriteIndex = (index: IndexManifest, chosen: ReadonlyArray<Descriptor>): IndexManifest => {
  if (chosen.length === index.manifests.length) return index;
  const wanted = new Set(chosen);
  const document = recordOf(JSON.parse(new TextDecoder().decode(index.bytes)));
  const entries: ReadonlyArray<unknown> = Array.isArray(document["manifests"]) ? document["manifests"] : [];
  const isOci = index.mediaType === MEDIA_TYPES.ociIndex;
  const written = {
    ...document,
    manifests: index.manifests.flatMap((entry, at) => (wanted.has(entry) ? [entries[at]] : [])),
    ...(isOci ? { annotations: { ...recordOf(document["annotations"]), [REWRITTEN_FROM]: index.digest } } : {}),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(written));
  const annotations = isOci ? { ...index.annotations, [REWRITTEN_FROM]: index.digest } : index.annotations;
  return { ...index, bytes, digest: digestOf(bytes), manifests: chosen, annotations };
};

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};

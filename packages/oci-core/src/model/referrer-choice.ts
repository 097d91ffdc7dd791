import type { Descriptor } from "./descriptor.ts";
import type { DigestTagKind } from "./digest-tag.ts";
import type { Manifest } from "./manifest.ts";

/** Which referrers go with an image. */
export interface ReferrerChoice {
  /** Of these types alone. Default: of every type. */
  readonly artifactTypes?: ReadonlyArray<string> | undefined;
  /** At most so many of one subject, the newest first; cosign's tags are not counted. Default: all, and over 500 in all are an error. */
  readonly most?: number | undefined;
}

/** What a manifest is as an artefact. Source: distribution-spec v1.1, "Listing Referrers". */
export const artifactTypeOf = (manifest: Manifest): string =>
  manifest.artifactType ?? (manifest._tag === "Image" ? manifest.config.mediaType : manifest.mediaType);

/** The types that cosign gives to the same things where it makes them as referrers. Source: cosign, pkg/oci/remote. */
export const COSIGN_TYPES: Readonly<Record<Exclude<DigestTagKind, "fallback">, string>> = {
  sig: "application/vnd.dev.cosign.artifact.sig.v1+json",
  att: "application/vnd.dev.cosign.artifact.att.v1+json",
  sbom: "application/vnd.dev.cosign.artifact.sbom.v1+json",
};

const CREATED = "org.opencontainers.image.created";

/** The newest by their own word, those without a date last, and by digest where nothing tells: every look takes the same. */
export const newestReferrers = (
  entries: ReadonlyArray<Descriptor>,
  most: number | undefined,
): ReadonlyArray<Descriptor> => {
  if (most === undefined || entries.length <= most) return entries;
  const age = ({ annotations }: Descriptor): number => {
    const at = Date.parse(annotations?.[CREATED] ?? "");
    return Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at;
  };
  return entries
    .map((entry) => ({ entry, at: age(entry) }))
    .toSorted((a, b) => (a.at === b.at ? (a.entry.digest < b.entry.digest ? -1 : 1) : b.at > a.at ? 1 : -1))
    .slice(0, most)
    .map(({ entry }) => entry);
};

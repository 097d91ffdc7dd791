import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Manifest } from "../model/manifest.ts";
import { isManifestType } from "../model/media-types.ts";
import { NOTHING_OMITTED } from "./choice.ts";
import { CopyError, onSide } from "./errors.ts";
import { type Graph, walk } from "./graph.ts";
import { digestReference, type Job, type Place } from "./job.ts";

/** GET by digest. An answer with other bytes than the digest promises is refused here too, whoever made the client. */
export const readManifest = (place: Place, digest: Digest): Effect.Effect<Manifest, CopyError> =>
  place.registry.manifest(place.repository, digest).pipe(
    Effect.mapError(onSide("source")),
    Effect.filterOrFail(
      (manifest) => manifest.digest === digest,
      (manifest) =>
        new CopyError({
          side: "source",
          operation: "GET manifest",
          reference: digestReference(place, digest),
          reason: "digest-mismatch",
          detail: `the source answered with ${manifest.digest}`,
          retryable: true,
        }),
    ),
  );

/** Reads all that is below a manifest of the source, without what is `omitted`. */
export const readGraph = (
  job: Job,
  top: Manifest,
  omitted: ReadonlySet<Digest> = NOTHING_OMITTED,
): Effect.Effect<Graph, CopyError> =>
  walk(top, digestReference(job.source, top.digest), (child) => readChild(job, child), job.shared.limits.manifests, {
    choice: job.choice,
    omitted,
  });

/**
 * An entry of an unknown type may be a manifest or a blob: the manifest is asked for first (facts/oci.md section 10).
 */
const readChild = (job: Job, child: Descriptor): Effect.Effect<Manifest | undefined, CopyError> => {
  const read = readManifest(job.source, child.digest);
  if (isManifestType(child.mediaType)) return read;
  return Effect.catchIf(read, isNoManifest, () => Effect.undefined);
};

/**
 * What registries say of a digest that is a blob: not known as a manifest, or (a proxy that looks by digest alone) a
 * body that is none.
 */
const isNoManifest = (error: CopyError): boolean =>
  error.reason === "not-found" || error.reason === "invalid-response" || error.reason === "manifest-refused";

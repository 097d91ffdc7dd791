import type { Registry, RegistryError } from "@drayage/oci-core";
import { cosignTag, type Descriptor, type Digest, type Manifest, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { BUNDLE_BYTES_MAX, PAYLOAD_BYTES_MAX, SIGNATURES_MAX } from "./limits.ts";
import { readSmallBlob } from "./read-blob.ts";

/** Something at the source that may be a signature of the image. */
export type Candidate =
  /** cosign's own layout: a layer of the tag `sha256-<hex>.sig`, signed by its annotations. */
  | { readonly _tag: "Legacy"; readonly payload: Uint8Array; readonly annotations: Readonly<Record<string, string>> }
  /** A Sigstore bundle that refers to the image (OCI 1.1), what cosign writes today. */
  | { readonly _tag: "Bundle"; readonly json: Uint8Array };

const SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle";

/** What there is for a digest. A failure to look is an error, never "none" (FAILURES.md F9). */
export const findCandidates = (
  registry: Registry,
  repository: RepositoryName,
  subject: Digest,
): Effect.Effect<ReadonlyArray<Candidate>, RegistryError> =>
  Effect.map(
    Effect.all([bundles(registry, repository, subject), legacy(registry, repository, subject)], { concurrency: 2 }),
    (found) => found.flat(),
  );

const legacy = Effect.fnUntraced(function* (registry: Registry, repository: RepositoryName, subject: Digest) {
  const manifest = yield* unlessAbsent(registry.manifest(repository, cosignTag(subject, "sig")));
  const layers = manifest?._tag === "Image" ? manifest.layers : [];
  // The newest are appended.
  const signed = layers.filter(({ mediaType }) => mediaType === SIMPLE_SIGNING).slice(-SIGNATURES_MAX);
  const read = yield* Effect.forEach(signed, (layer) =>
    Effect.map(readSmallBlob(registry, repository, layer, PAYLOAD_BYTES_MAX), (payload) => ({ layer, payload })),
  );
  return read.flatMap(
    ({ layer: { annotations = {} }, payload }): ReadonlyArray<Candidate> =>
      payload === undefined ? [] : [{ _tag: "Legacy", payload, annotations }],
  );
});

const bundles = Effect.fnUntraced(function* (registry: Registry, repository: RepositoryName, subject: Digest) {
  const listed = yield* registry.referrers(repository, subject);
  const some = listed.filter(mayBeBundle).slice(0, SIGNATURES_MAX);
  const read = yield* Effect.forEach(some, ({ digest }) => bundle(registry, repository, subject, digest));
  return read.flatMap((json): ReadonlyArray<Candidate> => (json === undefined ? [] : [{ _tag: "Bundle", json }]));
});

/** A fallback tag may have been written without types. */
const mayBeBundle = ({ artifactType }: Descriptor): boolean =>
  artifactType === undefined || artifactType.startsWith(BUNDLE);

const bundle = Effect.fnUntraced(function* (
  registry: Registry,
  repository: RepositoryName,
  subject: Digest,
  digest: Digest,
) {
  const manifest = yield* unlessAbsent(registry.manifest(repository, digest));
  // A list may be stale or false: what the artefact says of itself counts.
  if (manifest?._tag !== "Image" || manifest.subject?.digest !== subject) return undefined;
  const layer = manifest.layers.find(({ mediaType }) => mediaType.startsWith(BUNDLE));
  return layer === undefined ? undefined : yield* readSmallBlob(registry, repository, layer, BUNDLE_BYTES_MAX);
});

const unlessAbsent = (
  read: Effect.Effect<Manifest, RegistryError>,
): Effect.Effect<Manifest | undefined, RegistryError> =>
  Effect.catchIf(
    read,
    ({ reason }) => reason === "not-found" || reason === "repository-unknown",
    () => Effect.undefined,
  );

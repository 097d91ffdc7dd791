import * as Effect from "effect/Effect";
import type { Digest } from "../model/brand.ts";
import { digestOf } from "../model/digest.ts";
import { referrerTag } from "../model/digest-tag.ts";
import type { Manifest } from "../model/manifest.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { CopyError, onSide } from "./errors.ts";
import { digestReference, type Job } from "./job.ts";
import { FALLBACK_TRIES_MAX } from "./limits.ts";

/**
 * Sees to it that the fallback tag of `subject` lists `referrers`. In this process, each tag is changed by one at a
 * time.
 */
export const listInFallbackTag = (
  job: Job,
  subject: Digest,
  referrers: ReadonlyArray<Manifest>,
): Effect.Effect<void, CopyError> =>
  job.shared.turns.take(digestReference(job.target, subject), update(job, subject, referrers));

/**
 * Read, append, write, look again. No registry locks, and the last writer wins: another process may overwrite ours in
 * between, so it is repeated until our entries are in. Source: distribution-spec v1.1.1, "Referrers Tag Schema".
 */
const update = Effect.fnUntraced(function* (job: Job, subject: Digest, referrers: ReadonlyArray<Manifest>) {
  const { registry, repository } = job.target;
  const tag = referrerTag(subject);
  for (let attempt = 1; attempt <= FALLBACK_TRIES_MAX; attempt += 1) {
    const index = yield* readIndex(job, subject);
    const listed = new Set(index.manifests.map(digestIn));
    const missing = referrers.filter((referrer) => !listed.has(referrer.digest));
    if (missing.length === 0) return;
    const bytes = toBytes({ ...index, manifests: [...index.manifests, ...missing.map(entryOf)] });
    const digest = digestOf(bytes);
    yield* Effect.mapError(
      registry.putManifest(repository, tag, { bytes, digest, mediaType: MEDIA_TYPES.ociIndex }),
      onSide("target"),
    );
    job.tally.changed();
    const now = yield* Effect.mapError(registry.resolve(repository, tag), onSide("target"));
    if (now?.digest === digest) return;
  }
  return yield* refuse(job, subject, "conflict", `another writer replaced it ${FALLBACK_TRIES_MAX} times`, true);
});

/** The document as it stands, with every field that others wrote: what is there is kept, not written anew. */
const readIndex = Effect.fnUntraced(function* (job: Job, subject: Digest) {
  const { registry, repository } = job.target;
  const tag = referrerTag(subject);
  const held = yield* registry.manifest(repository, tag).pipe(
    Effect.catchIf(
      (error) => error.reason === "not-found" || error.reason === "repository-unknown",
      () => Effect.undefined,
    ),
    Effect.mapError(onSide("target")),
  );
  if (held === undefined) return EMPTY;
  // GitLab resolves such a tag as the digest itself and answers with the image (facts/oci.md section 5.2, trap a).
  if (held._tag !== "Index" || held.digest === subject) {
    return yield* refuse(job, subject, "conflict", "the tag holds something that is no list of referrers", false);
  }
  const document: unknown = JSON.parse(new TextDecoder().decode(held.bytes));
  const manifests =
    isEntry(document) && Array.isArray(document["manifests"]) ? document["manifests"].filter(isEntry) : [];
  return { ...(isEntry(document) ? document : {}), ...EMPTY, manifests };
});

type Entry = Readonly<Record<string, unknown>>;

interface FallbackIndex {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: ReadonlyArray<Entry>;
}

const EMPTY: FallbackIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] };

const isEntry = (value: unknown): value is Entry => typeof value === "object" && value !== null;
const digestIn = (entry: Entry): unknown => entry["digest"];

/**
 * Source: distribution-spec v1.1.1, "Pushing Manifests with Subject": artifactType is the manifest's, else its config's
 * media type.
 */
const entryOf = (manifest: Manifest): Entry => ({
  mediaType: manifest.mediaType,
  digest: manifest.digest,
  size: manifest.bytes.byteLength,
  artifactType: manifest.artifactType ?? (manifest._tag === "Image" ? manifest.config.mediaType : undefined),
  annotations: manifest.annotations,
});

const toBytes = (index: FallbackIndex): Uint8Array => new TextEncoder().encode(JSON.stringify(index));

const refuse = (job: Job, subject: Digest, reason: "conflict", detail: string, retryable: boolean): CopyError =>
  new CopyError({
    side: "target",
    operation: "PUT fallback tag",
    reference: `${job.target.registry.name}/${job.target.repository}:${referrerTag(subject)}`,
    reason,
    detail,
    retryable,
  });

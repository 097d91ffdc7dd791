import * as Effect from "effect/Effect";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import { digestAlgorithm, digestOf, isDigest, parseDigest } from "../model/digest.ts";
import type { Manifest } from "../model/manifest.ts";
import { MANIFEST_ACCEPT, mediaTypeOf } from "../model/media-types.ts";
import { MANIFEST_BYTES_MAX, type ManifestRefused, parseManifest } from "../model/parse-manifest.ts";
import { type EntityTags, entityTag, makeEntityTags } from "./entity-tags.ts";
import { type RegistryError, saysAbsent } from "./errors.ts";
import { apiUrl, type Call, type Context, type Exchange, repositoryScope } from "./exchange.ts";
import { failure, isPage, type Place } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { readBody } from "./read-body.ts";
import type { Registry, Resolved } from "./registry.ts";
import { retried } from "./retry.ts";
import type { RegistryTraits } from "./traits.ts";

/**
 * The whole of a manifest PUT or DELETE, waiting and retries included: after it no request of ours is under way any more. A
 * worker starts one only while its lease is longer than this (DESIGN.md section 5).
 */
export const MANIFEST_WRITE_TIMEOUT_MS = 60_000;

export type ManifestMethods = Pick<
  Registry,
  "resolve" | "comparesDigests" | "manifest" | "putManifest" | "deleteManifest"
>;

export const makeManifests = (
  base: URL,
  exchange: Exchange,
  traits: Pick<RegistryTraits, "conditional">,
): ManifestMethods => {
  const entityTags = makeEntityTags(base, traits);
  const read = (method: "GET" | "HEAD", repository: RepositoryName, reference: Tag | Digest): Call => ({
    operation: `${method} manifest`,
    reference: referenceText(repository, reference),
    topic: "manifest",
    method,
    url: apiUrl(base, `${repository}/manifests/${reference}`),
    scopes: [repositoryScope(repository, "pull")],
    headers: { accept: MANIFEST_ACCEPT },
    // registry.k8s.io sends every manifest on to another host. Such an answer can give bytes, never "not found".
    following: "anywhere",
  });

  const manifest: Registry["manifest"] = (repository, reference) =>
    retried(
      exchange.call(read("GET", repository, reference), (answer, context) =>
        readManifest(reference, answer, context, entityTags),
      ),
    );

  const head = (repository: RepositoryName, reference: Tag | Digest) =>
    retried(
      exchange.call(read("HEAD", repository, reference), (answer, context) =>
        readHead(reference, answer, context, entityTags),
      ),
    );

  const headUnless = (repository: RepositoryName, tag: Tag, known: Resolved) => {
    const call = read("HEAD", repository, tag);
    const headers = { ...call.headers, "if-none-match": entityTag(known.digest) };
    return retried(
      exchange.call({ ...call, headers }, async (answer, context): Promise<Head> => {
        if (answer.status !== 304) return readHead(tag, answer, context, entityTags);
        return entityTags.confirms(answer, known) ? { _tag: "Known", resolved: known } : { _tag: "AskAgain" };
      }),
    );
  };

  const resolved = (
    repository: RepositoryName,
    reference: Tag | Digest,
    found: Head,
  ): Effect.Effect<Resolved | undefined, RegistryError> => {
    if (found._tag === "Known") return Effect.succeed(found.resolved);
    if (found._tag === "AskWithGet") return get(repository, reference);
    return Effect.flatMap(head(repository, reference), (again) => resolved(repository, reference, again));
  };

  const get = (
    repository: RepositoryName,
    reference: Tag | Digest,
  ): Effect.Effect<Resolved | undefined, RegistryError> =>
    Effect.catchIf(
      Effect.map(manifest(repository, reference), (found) => ({
        digest: found.digest,
        mediaType: found.mediaType,
        size: found.bytes.byteLength,
      })),
      saysAbsent,
      () => Effect.undefined,
    );

  const write = <A>(call: Call, read: (answer: HttpAnswer, context: Context) => Promise<A>) =>
    retried(exchange.call(call, read)).pipe(
      Effect.timeoutOrElse({
        duration: MANIFEST_WRITE_TIMEOUT_MS,
        orElse: () =>
          Effect.fail(
            failure(
              { registry: exchange.name, operation: call.operation, reference: call.reference },
              "stalled",
              `not done within ${MANIFEST_WRITE_TIMEOUT_MS / 1000} s; it may still have taken effect`,
            ),
          ),
      }),
    );

  return {
    manifest,
    comparesDigests: entityTags.areDigests,
    resolve: (repository, reference, known) =>
      Effect.suspend(() =>
        Effect.flatMap(
          known === undefined || isDigest(reference) || !entityTags.areDigests()
            ? head(repository, reference)
            : headUnless(repository, reference, known),
          (found) => resolved(repository, reference, found),
        ),
      ),
    putManifest: (repository, reference, { bytes, mediaType, digest }) =>
      write(
        {
          operation: "PUT manifest",
          reference: referenceText(repository, reference),
          topic: "manifest-put",
          method: "PUT",
          url: apiUrl(base, `${repository}/manifests/${reference}`),
          scopes: [repositoryScope(repository, "pull,push")],
          headers: { "content-type": mediaType },
          body: bytes,
        },
        (answer, context) => readPut(digest, answer, context),
      ),
    deleteManifest: (repository, reference) =>
      write(
        {
          operation: "DELETE manifest",
          reference: referenceText(repository, reference),
          topic: "manifest",
          method: "DELETE",
          url: apiUrl(base, `${repository}/manifests/${reference}`),
          scopes: [repositoryScope(repository, "delete")],
        },
        readDelete,
      ),
  };
};

/** `repository:tag` or `repository@digest`. */
export const referenceText = (repository: RepositoryName, reference: Tag | Digest): string =>
  isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`;

type Head =
  | { readonly _tag: "Known"; readonly resolved: Resolved | undefined }
  | { readonly _tag: "AskWithGet" }
  /** A 304 that does not fit to our condition: asked without one. */
  | { readonly _tag: "AskAgain" };

/** Everything that HEAD leaves open is asked with GET, whose bytes we hash ourselves. */
const readHead = async (
  reference: Tag | Digest,
  answer: HttpAnswer,
  { fail }: Context,
  entityTags: EntityTags,
): Promise<Head> => {
  if (answer.status === 404) return { _tag: "Known", resolved: undefined };
  if (answer.status === 405) return { _tag: "AskWithGet" };
  if (answer.status !== 200) throw await fail(answer);
  const digest = parseDigest(answer.header("docker-content-digest") ?? "");
  const mediaType = mediaTypeOf(answer.header("content-type"));
  const length = answer.header("content-length") ?? "";
  const contradicts = isDigest(reference) && digest !== reference;
  if (digest === undefined || mediaType === undefined || !/^\d+$/.test(length) || contradicts)
    return { _tag: "AskWithGet" };
  entityTags.seen(answer, digest);
  return { _tag: "Known", resolved: { digest, mediaType, size: Number(length) } };
};

const readManifest = async (
  reference: Tag | Digest,
  answer: HttpAnswer,
  { fail, place }: Context,
  entityTags: EntityTags,
): Promise<Manifest> => {
  if (answer.status !== 200) throw await fail(answer);
  const bytes = await readBody(answer.body, MANIFEST_BYTES_MAX);
  // For a tag the digest header is not looked at: some registries send a wrong one, and our own count is the truth.
  if (isDigest(reference)) {
    const found = digestOf(bytes, digestAlgorithm(reference));
    if (found !== reference) throw failure(place, "digest-mismatch", `the bytes have the digest ${found}`);
  }
  const parsed = parseManifest(bytes, answer.header("content-type"));
  if (parsed._tag === "Refused") throw refusal(place, answer.status, parsed);
  entityTags.seen(answer, parsed.digest);
  return isDigest(reference) ? { ...parsed, digest: reference } : parsed;
};

/** An HTML page with status 200 is somebody else's answer and may be gone soon; a manifest that we refuse stays refused. */
const refusal = (place: Place, status: number, { reason, detail }: ManifestRefused): RegistryError =>
  reason === "not-json"
    ? failure(place, "invalid-response", detail, { status })
    : failure(place, reason === "too-large" ? "too-large" : "manifest-refused", `${reason}: ${detail}`, { status });

const readPut = async (
  digest: Digest,
  answer: HttpAnswer,
  { fail, place }: Context,
): Promise<{ readonly subjectAccepted: boolean; readonly named: boolean }> => {
  if (!isStored(201, digest, answer)) throw await fail(answer);
  checkStoredDigest(digest, answer, place);
  const named = answer.header("docker-content-digest") === digest;
  return { subjectAccepted: answer.header("oci-subject") !== undefined, named };
};

/**
 * Whether the answer says that the content is stored: by `status`, or by another success that names the digest (older Quay answers 202). A bare 200
 * is what a proxy or a login page says to everything.
 */
export const isStored = (status: number, digest: Digest, answer: HttpAnswer): boolean =>
  answer.status === status ||
  ((answer.status === 200 || answer.status === 202) && answer.header("docker-content-digest") === digest);

/** Fails if the registry names another digest than ours. docker-registry reports sha256 for sha512: not comparable, so not compared. */
export const checkStoredDigest = (digest: Digest, answer: HttpAnswer, place: Place): void => {
  const stored = parseDigest(answer.header("docker-content-digest") ?? "");
  if (stored === undefined || digestAlgorithm(stored) !== digestAlgorithm(digest) || stored === digest) return;
  throw failure(place, "digest-mismatch", `the registry stored ${stored} instead of ${digest}`, {
    status: answer.status,
  });
};

const readDelete = async (answer: HttpAnswer, { fail, place }: Context): Promise<boolean> => {
  if (!isPage(answer) && (answer.status === 202 || answer.status === 200 || answer.status === 204)) return true;
  const error = await fail(answer);
  if (error.reason === "not-found" && error.code === "MANIFEST_UNKNOWN") return false;
  const { status, code, requestId } = error;
  if (status === 405 || (status === 400 && (code === "UNSUPPORTED" || code === "DIGEST_INVALID")))
    throw failure(place, "unsupported", error.detail, { status, code, requestId });
  throw error;
};

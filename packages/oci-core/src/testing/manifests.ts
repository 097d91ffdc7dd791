import { createHash } from "node:crypto";
import { isManifestType } from "../model/index.ts";
import { type Answer, empty, refusal } from "./answer.ts";
import { type Exchange, readBody } from "./exchange.ts";
import { algorithmOf, isDigest, isTag } from "./grammar.ts";
import { checkManifest, type ManifestDocument, type Pointer } from "./manifest-check.ts";
import type { StrictRegistryRules } from "./rules.ts";
import { locate, type RegistryState } from "./state.ts";
import type { StoredManifest, StoredRepository } from "./store.ts";

/** Every registry must take manifests of 4 MiB (distribution-spec 1.1, end-7a); this one takes no more. */
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

/** GET and HEAD (end-3), PUT (end-7a) and DELETE (end-9) of a manifest. */
export const handleManifest = async (
  state: RegistryState,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<Answer> => {
  if (reference.includes(":") && !isDigest(reference)) {
    return refusal(400, "DIGEST_INVALID", "provided digest is malformed", { digest: reference });
  }
  if (!isDigest(reference) && !isTag(reference)) {
    return refusal(400, "TAG_INVALID", "manifest tag did not match the grammar", { tag: reference });
  }
  if (exchange.method === "PUT") return putManifest(state, exchange, repository, reference);
  const held = state.store.repository(repository);
  if (held === undefined) {
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name: repository });
  }
  if (exchange.method === "DELETE") return deleteManifest(state, exchange, held, reference);
  const digest = digestBehind(state, held, reference);
  if (isUnchanged(state, exchange, digest)) return empty(304);
  const manifest = held.manifests.get(digest ?? "");
  return manifest === undefined
    ? refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", { reference })
    : getManifest(state, exchange, held, reference, manifest);
};

/** What a tag names, whether or not it is there. */
const digestBehind = (state: RegistryState, held: StoredRepository, reference: string): string | undefined => {
  const late = state.lag.instead(held.name, reference);
  if (late !== undefined) return late.before;
  return isDigest(reference) ? reference : held.tags.get(reference);
};

const getManifest = (
  state: RegistryState,
  exchange: Exchange,
  held: StoredRepository,
  reference: string,
  manifest: StoredManifest,
): Answer => {
  const { digest, mediaType, bytes } = manifest;
  if (state.rules().accept === "listed" && !accepts(exchange.headers.accept, mediaType)) {
    const message = `manifest found, but the Accept header does not name ${mediaType}`;
    return refusal(404, "MANIFEST_UNKNOWN", message, { reference });
  }
  const tag = isDigest(reference) ? undefined : reference;
  state.emit({ ...about(manifest), action: "pull", what: "manifest", repository: held.name, tag, by: exchange });
  const etag = state.rules().entityTags === "digest" ? { Etag: `"${digest}"` } : undefined;
  const headers = { "Docker-Content-Digest": digest, ...etag, "Content-Type": mediaType };
  return { status: 200, headers, body: bytes };
};

/** As docker-registry does it: right after the tag was looked up, also where the manifest is gone, and nobody is told of a pull. */
const isUnchanged = (state: RegistryState, exchange: Exchange, digest: string | undefined): boolean => {
  const asked = exchange.headers["if-none-match"];
  return asked !== undefined && state.rules().entityTags === "digest" && (asked === digest || asked === `"${digest}"`);
};

/** By name only, as docker-registry does for OCI types: a wildcard counts for types that no client can be expected to know. */
const accepts = (header: string | undefined, mediaType: string): boolean =>
  (header ?? "").split(",").some((part) => {
    const type = (part.split(";")[0] ?? "").trim().toLowerCase();
    return type === mediaType || (type === "*/*" && !isManifestType(mediaType));
  });

const about = ({ digest, mediaType, bytes, document }: StoredManifest) => ({
  digest,
  mediaType,
  size: bytes.byteLength,
  references: document.references,
});

const putManifest = async (
  state: RegistryState,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<Answer> => {
  const mediaType = exchange.headers["content-type"];
  const bytes = await readBody(exchange, MANIFEST_BYTES_MAX);
  if (bytes === undefined) return refusal(413, "SIZE_INVALID", `a manifest has at most ${MANIFEST_BYTES_MAX} bytes`);
  if (mediaType === undefined) return refusal(400, "MANIFEST_INVALID", "Content-Type is missing");
  const algorithm = isDigest(reference) ? algorithmOf(reference) : "sha256";
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (isDigest(reference) && reference !== digest) {
    return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content", {
      digest: reference,
      actual: digest,
    });
  }
  const checked = checkManifest(bytes, mediaType);
  if (checked._tag === "Invalid") return refusal(400, "MANIFEST_INVALID", "manifest invalid", checked.reason);

  // From here to the write nothing waits, so what was checked is still true when it is written.
  const held = state.store.repository(repository);
  if (held === undefined && !state.rules().createRepositories) {
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name: repository });
  }
  const lack =
    missingContent(held, checked.document, state.rules()) ??
    wrongSize(held, checked.document) ??
    frozenTag(state, held, reference, digest);
  if (lack !== undefined) return lack;
  const manifest: StoredManifest = { digest, mediaType, bytes, document: checked.document };
  const tag = isDigest(reference) ? undefined : reference;
  const { readsLagMs } = state.rules();
  if (held?.manifests.has(digest) !== true) state.lag.written(repository, digest, undefined, readsLagMs);
  if (tag !== undefined) state.lag.written(repository, tag, held?.tags.get(tag), readsLagMs);
  state.store.putManifest(repository, manifest);
  if (tag !== undefined) state.store.setTag(repository, tag, digest);
  state.emit({ ...about(manifest), action: "push", what: "manifest", repository, tag, by: exchange });
  const subject = state.rules().referrers === "api" ? checked.document.subject?.digest : undefined;
  return empty(201, {
    Location: locate(state, exchange, `/v2/${repository}/manifests/${digest}`),
    "Docker-Content-Digest": digest,
    ...(subject === undefined ? {} : { "OCI-Subject": subject }),
  });
};

/** Everything that a manifest names must be in its own repository. An entry of unknown type may be a blob; a subject may be missing. */
const missingContent = (
  held: StoredRepository | undefined,
  document: ManifestDocument,
  { indexChildren }: Pick<StrictRegistryRules, "indexChildren">,
): Answer | undefined => {
  const blobs = document.blobs.filter(({ digest }) => held?.blobs.has(digest) !== true);
  const children = document.children.filter((child) => indexChildren === "required" && !hasChild(held, child));
  const missing = [...blobs, ...children];
  if (missing.length === 0) return undefined;
  const errors = missing.map(({ digest }) => ({
    code: "MANIFEST_BLOB_UNKNOWN",
    message: "manifest references a manifest or blob unknown to this repository",
    detail: { digest },
  }));
  const first = refusal(404, "MANIFEST_BLOB_UNKNOWN", "");
  return { ...first, body: new TextEncoder().encode(JSON.stringify({ errors })) };
};

/** Whether an entry of an index is there. */
export const hasChild = (held: StoredRepository | undefined, child: Pointer): boolean =>
  held?.manifests.has(child.digest) === true ||
  (!isManifestType(child.mediaType) && held?.blobs.has(child.digest) === true);

const wrongSize = (held: StoredRepository | undefined, document: ManifestDocument): Answer | undefined => {
  const wrong = [...document.blobs, ...document.children].find(({ digest, size }) => {
    const actual = held?.blobs.get(digest)?.size ?? held?.manifests.get(digest)?.bytes.byteLength;
    return actual !== undefined && actual !== size;
  });
  return wrong && refusal(400, "SIZE_INVALID", "a descriptor names another size than its content has", wrong);
};

const frozenTag = (
  state: RegistryState,
  held: StoredRepository | undefined,
  reference: string,
  digest: string,
): Answer | undefined => {
  const { immutable } = state.rules();
  const current = held?.tags.get(reference);
  if (immutable === undefined || current === undefined || !immutable.tags.test(reference)) return undefined;
  if (current === digest && immutable.sameDigest === "accepted") return undefined;
  return refusal(immutable.status, immutable.code, immutable.message ?? `tag ${reference} is immutable`, {
    tag: reference,
  });
};

const deleteManifest = (
  state: RegistryState,
  exchange: Exchange,
  held: StoredRepository,
  reference: string,
): Answer => {
  const { tagDelete, immutable } = state.rules();
  const repository = held.name;
  if (tagDelete === "none") return refusal(405, "UNSUPPORTED", "the operation is unsupported");
  if (isDigest(reference)) {
    const tags = state.store.deleteManifest(repository, reference);
    if (tags === undefined) return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", { digest: reference });
    state.emit({ action: "delete", what: "manifest", repository, digest: reference, by: exchange });
    for (const tag of tags) state.emit({ action: "delete", what: "tag", repository, tag, by: exchange });
    return empty(202);
  }
  if (tagDelete === "digest") return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  if (immutable?.tags.test(reference) === true && held.tags.has(reference)) {
    return refusal(immutable.status, immutable.code, `tag ${reference} is immutable`, { tag: reference });
  }
  if (!state.store.deleteTag(repository, reference)) {
    return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", { tag: reference });
  }
  state.emit({ action: "delete", what: "tag", repository, tag: reference, by: exchange });
  return empty(202);
};

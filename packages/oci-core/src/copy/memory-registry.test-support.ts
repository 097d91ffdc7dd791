/**
 * A strict registry in memory behind the `Registry` interface: no HTTP, so a test of the engine counts operations and
 * breaks any of them.
 */
import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import { digestOf, isDigest } from "../model/digest.ts";
import { referrerTag } from "../model/digest-tag.ts";
import type { Manifest } from "../model/manifest.ts";
import { isForeignLayerType, MEDIA_TYPES } from "../model/media-types.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import { parseManifest } from "../model/parse-manifest.ts";
import { RegistryError, type RegistryReason } from "../registry/errors.ts";
import type { BlobBody, Registry, UploadStart } from "../registry/registry.ts";
import { type RegistryTraits, STANDARD_TRAITS } from "../registry/traits.ts";
import { blobsOf, type ImageFixture, manifestsOf } from "../testing/images.ts";

export type Operation =
  | "resolve"
  | "manifest"
  | "putManifest"
  | "hasBlob"
  | "blob"
  | "startUpload"
  | "mount"
  | "upload"
  | "cancelUpload"
  | "tags"
  | "referrers";

export interface Call {
  readonly operation: Operation;
  readonly repository: string;
  /** Tag or digest; the source repository of a mount. */
  readonly reference: string;
  readonly from?: number | undefined;
}

interface Repository {
  readonly blobs: Map<string, Uint8Array>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, Digest>;
}

export interface MemoryOptions {
  readonly name?: string;
  readonly traits?: Partial<RegistryTraits>;
  readonly mounts?: boolean;
  /** Whether the answer to a PUT names the digest. Default true. */
  readonly names?: boolean;
  /** Refuses manifests whose content is missing. Default true. */
  readonly strict?: boolean;
  /** Says of such a manifest that it is invalid, as Artifactory does. */
  readonly refusesAsInvalid?: boolean;
  /** Runs before each operation, after it was counted: fail it, wait, or change something. */
  readonly before?: (call: Call, index: number) => Effect.Effect<void, RegistryError>;
  /** Changes a body on its way out. */
  readonly onBody?: (bytes: Uint8Array, call: Call) => Readable | undefined;
}

export interface MemoryRegistry extends Registry {
  readonly calls: Array<Call>;
  readonly count: (operation: Operation, repository?: string) => number;
  readonly repositoryOf: (repository: string) => Repository;
  readonly fill: (repository: string, tag: string | undefined, image: ImageFixture) => Promise<void>;
  /** Tags that lead to something that is not there: invariant 4. */
  readonly dangling: () => ReadonlyArray<string>;
  readonly error: (
    reason: RegistryReason,
    detail?: string,
    more?: Pick<Partial<RegistryError>, "code" | "missing">,
  ) => RegistryError;
  readonly openSessions: () => number;
}

export const repo = (name: string): RepositoryName => {
  const parsed = parseRepositoryName(name);
  if (parsed === undefined) throw new Error(`no repository name: ${name}`);
  return parsed;
};

export const tagOf = (name: string): Tag => {
  const parsed = parseTag(name);
  if (parsed === undefined) throw new Error(`no tag: ${name}`);
  return parsed;
};

const collect = async (stream: Readable): Promise<Uint8Array> => {
  const pieces: Array<Uint8Array> = [];
  for await (const piece of stream) if (piece instanceof Uint8Array) pieces.push(piece);
  return Buffer.concat(pieces);
};

const PIECE = 64 * 1024;

/** Bytes as a stream of small pieces that breaks after `cut` bytes. */
export const piecesOf = (bytes: Uint8Array, cut = Number.POSITIVE_INFINITY): Readable => {
  let at = 0;
  return new Readable({
    highWaterMark: PIECE,
    read() {
      if (at >= cut) return void this.destroy(new Error("connection reset"));
      const end = Math.min(at + PIECE, bytes.byteLength, cut);
      const piece = bytes.subarray(at, end);
      at = end;
      this.push(piece.byteLength === 0 ? null : piece);
    },
  });
};

export const makeMemoryRegistry = (options: MemoryOptions = {}): MemoryRegistry => {
  const name = options.name ?? "memory";
  const traits: RegistryTraits = { ...STANDARD_TRAITS, referrers: "api", ...options.traits };
  const hasApi = traits.referrers === "api";
  const repositories = new Map<string, Repository>();
  const sessions = new Set<string>();
  const calls: Array<Call> = [];
  let serial = 0;

  const error = (
    reason: RegistryReason,
    detail = "injected",
    more: Pick<Partial<RegistryError>, "code" | "missing"> = {},
  ): RegistryError =>
    new RegistryError({ registry: name, operation: "test", reference: "test", reason, detail, ...more });
  const repositoryOf = (repository: string): Repository => {
    const found = repositories.get(repository) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    repositories.set(repository, found);
    return found;
  };
  const begin = (call: Call): Effect.Effect<void, RegistryError> =>
    Effect.suspend(() => {
      calls.push(call);
      return options.before?.(call, calls.length - 1) ?? Effect.void;
    });
  const find = (repository: string, reference: string): Manifest | undefined => {
    const held = repositories.get(repository);
    const digest = isDigest(reference) ? reference : held?.tags.get(reference);
    return digest === undefined ? undefined : held?.manifests.get(digest);
  };
  const missingOf = (held: Repository, manifest: Manifest): ReadonlyArray<Digest> =>
    manifest._tag === "Image"
      ? [manifest.config, ...manifest.layers]
          .filter((blob) => !isForeignLayerType(blob.mediaType) && !held.blobs.has(blob.digest))
          .map((blob) => blob.digest)
      : manifest.manifests
          .filter((child) => !held.manifests.has(child.digest) && !held.blobs.has(child.digest))
          .map((child) => child.digest);
  const parsed = (bytes: Uint8Array, mediaType: string): Effect.Effect<Manifest, RegistryError> => {
    const manifest = parseManifest(bytes, mediaType);
    return manifest._tag === "Refused"
      ? Effect.fail(error("invalid-response", manifest.detail))
      : Effect.succeed(manifest);
  };

  const registry: MemoryRegistry = {
    name,
    url: new URL(`http://${name}.test`),
    traits,
    powers: {},
    calls,
    error,
    repositoryOf,
    count: (operation, repository) =>
      calls.filter((call) => call.operation === operation && (repository ?? call.repository) === call.repository)
        .length,
    openSessions: () => sessions.size,
    fill: async (repository, tag, image) => {
      const held = repositoryOf(repository);
      for (const blob of blobsOf(image)) held.blobs.set(blob.digest, await collect(blob.open()));
      for (const one of manifestsOf(image)) {
        const manifest = parseManifest(one.bytes, one.mediaType);
        if (manifest._tag === "Refused") throw new Error(manifest.detail);
        held.manifests.set(one.digest, manifest);
      }
      if (tag !== undefined) held.tags.set(tag, image.digest);
    },
    dangling: () => {
      const found: Array<string> = [];
      const visit = (held: Repository, path: string, digest: Digest): void => {
        const manifest = held.manifests.get(digest);
        if (manifest === undefined) return void (held.blobs.has(digest) || found.push(`${path} ${digest}`));
        for (const missing of missingOf(held, manifest)) found.push(`${path} ${missing}`);
        if (manifest._tag === "Index") for (const child of manifest.manifests) visit(held, path, child.digest);
      };
      for (const [path, held] of repositories)
        for (const [tag, digest] of held.tags) visit(held, `${path}:${tag}`, digest);
      return found;
    },

    resolve: (repository, reference) =>
      Effect.map(begin({ operation: "resolve", repository, reference }), () => {
        const found = find(repository, reference);
        return found && { digest: found.digest, mediaType: found.mediaType, size: found.bytes.byteLength };
      }),
    manifest: (repository, reference) =>
      Effect.flatMap(begin({ operation: "manifest", repository, reference }), () => {
        const found = find(repository, reference);
        return found === undefined ? Effect.fail(error("not-found", "MANIFEST_UNKNOWN")) : Effect.succeed(found);
      }),
    putManifest: (repository, reference, { bytes, mediaType }) =>
      Effect.gen(function* () {
        yield* begin({ operation: "putManifest", repository, reference });
        const manifest = yield* parsed(bytes, mediaType);
        const held = repositoryOf(repository);
        if (isDigest(reference) && reference !== manifest.digest)
          return yield* error("invalid-request", "DIGEST_INVALID");
        const [missing] = options.strict === false ? [] : missingOf(held, manifest);
        if (missing !== undefined && options.refusesAsInvalid === true)
          return yield* error("invalid-request", "a layer is not there", { code: "MANIFEST_INVALID" });
        // As zot does: the first only.
        if (missing !== undefined)
          return yield* error("content-missing", "something is missing", { missing: [missing] });
        held.manifests.set(manifest.digest, manifest);
        if (!isDigest(reference)) held.tags.set(reference, manifest.digest);
        return { subjectAccepted: hasApi && manifest.subject !== undefined, named: options.names ?? true };
      }),
    hasBlob: (repository, digest) =>
      Effect.map(
        begin({ operation: "hasBlob", repository, reference: digest }),
        () => repositories.get(repository)?.blobs.has(digest) === true,
      ),
    blob: (repository, descriptor, from = 0) =>
      Effect.gen(function* () {
        const call: Call = { operation: "blob", repository, reference: descriptor.digest, from };
        yield* begin(call);
        const bytes = repositories.get(repository)?.blobs.get(descriptor.digest);
        if (bytes === undefined) return yield* error("not-found", "BLOB_UNKNOWN");
        const rest = bytes.subarray(from);
        const body: BlobBody = { size: rest.byteLength, stream: options.onBody?.(rest, call) ?? piecesOf(rest) };
        return body;
      }),
    startUpload: (repository, mount) =>
      Effect.map(
        begin({ operation: mount === undefined ? "startUpload" : "mount", repository, reference: mount?.from ?? "" }),
        (): UploadStart => {
          const bytes = mount && repositories.get(mount.from)?.blobs.get(mount.digest);
          if (mount !== undefined && bytes !== undefined && options.mounts !== false) {
            repositoryOf(repository).blobs.set(mount.digest, bytes);
            return { _tag: "Mounted" };
          }
          serial += 1;
          const location = new URL(`http://${name}.test/uploads/${serial}`);
          sessions.add(location.href);
          return { _tag: "Opened", location };
        },
      ),
    upload: (repository, location, descriptor, body) =>
      Effect.gen(function* () {
        if (!sessions.has(location.href)) return yield* error("upload-lost");
        yield* begin({ operation: "upload", repository, reference: descriptor.digest });
        const bytes = yield* Effect.tryPromise({
          try: () => (body instanceof Readable ? collect(body) : Promise.resolve(body)),
          catch: (cause) => (cause instanceof RegistryError ? cause : error("network", String(cause))),
        });
        sessions.delete(location.href);
        if (bytes.byteLength !== descriptor.size || digestOf(bytes) !== descriptor.digest) {
          return yield* error("digest-mismatch", "DIGEST_INVALID");
        }
        repositoryOf(repository).blobs.set(descriptor.digest, bytes);
      }),
    cancelUpload: (repository, location) =>
      Effect.sync(() => {
        calls.push({ operation: "cancelUpload", repository, reference: location.href });
        sessions.delete(location.href);
      }),
    tags: (repository) =>
      Stream.fromEffect(
        Effect.map(begin({ operation: "tags", repository, reference: "" }), () =>
          [...(repositories.get(repository)?.tags.keys() ?? [])].map(tagOf),
        ),
      ),
    repositories: () => Stream.make([...repositories.keys()].map(repo)),
    referrers: (repository, digest) =>
      Effect.map(begin({ operation: "referrers", repository, reference: digest }), () => {
        const held = repositories.get(repository);
        if (held === undefined) return [];
        if (!hasApi) {
          const list = find(repository, referrerTag(digest));
          return list?._tag === "Index" ? list.manifests : [];
        }
        return [...held.manifests.values()].filter((one) => one.subject?.digest === digest).map(descriptorOf);
      }),
    deleteManifest: (repository, reference) =>
      Effect.sync(() => {
        const held = repositoryOf(repository);
        return isDigest(reference) ? held.manifests.delete(reference) : held.tags.delete(reference);
      }),
  };
  return registry;
};

export const descriptorOf = (manifest: Manifest): Descriptor => ({
  mediaType: manifest.mediaType,
  digest: manifest.digest,
  size: manifest.bytes.byteLength,
  artifactType: manifest.artifactType,
  annotations: manifest.annotations,
});

/** An index of `descriptors` as bytes. */
export const indexBytes = (descriptors: ReadonlyArray<Pick<Descriptor, "mediaType" | "digest" | "size">>): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: descriptors }),
  );

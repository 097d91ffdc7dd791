import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, digestHex, digestOf, isDigest } from "../model/digest.ts";
import type { Manifest } from "../model/manifest.ts";
import { MANIFEST_BYTES_MAX, parseManifest } from "../model/parse-manifest.ts";
import type { RegistryError } from "../registry/errors.ts";
import { failure, type Place } from "../registry/failure.ts";
import type { Registry } from "../registry/registry.ts";
import { STANDARD_TRAITS } from "../registry/traits.ts";
import { verified } from "../registry/verify.ts";
import { layoutFailure } from "./failure.ts";
import { IndexFile, tagOf, withEntry, without, withTag } from "./index-file.ts";
import type { LayoutEntry } from "./wire.ts";

/**
 * A directory in the form of an OCI image layout, as a registry of one repository (the name that is asked for is not looked at): for air gaps, and
 * for what other tools write (`docker buildx --output type=oci`, `skopeo copy … oci:DIR`, `oras`). Nothing is read before the first method is run; the
 * directory is made by the first write. One process writes at a time. Errors: `RegistryError` with the paths in them.
 * Source: OCI image-spec v1.1, image-layout.md.
 */
export const openLayout = (directory: string): Registry => {
  const root = resolve(directory);
  const name = `oci:${directory}`;
  const index = new IndexFile(root);
  const pathOf = (digest: Digest): string => join(root, "blobs", digestAlgorithm(digest), digestHex(digest));

  const run = <A>(operation: string, reference: string, work: (place: Place) => Promise<A>) => {
    const place: Place = { registry: name, operation, reference };
    return Effect.tryPromise({ try: () => work(place), catch: (cause) => layoutFailure(place, cause) });
  };

  const entryOf = async (place: Place, reference: Tag | Digest): Promise<{ digest: Digest; mediaType?: string }> => {
    if (isDigest(reference)) return { digest: reference };
    const found = (await index.read()).manifests.find((entry) => tagOf(entry) === reference);
    if (found === undefined) throw failure(place, "not-found", `index.json has no ${reference}`);
    return found;
  };

  const readManifest = async (place: Place, reference: Tag | Digest): Promise<Manifest> => {
    const { digest, mediaType } = await entryOf(place, reference);
    const { size } = await stat(pathOf(digest));
    if (size > MANIFEST_BYTES_MAX)
      throw failure(place, "too-large", `${size} bytes, at most ${MANIFEST_BYTES_MAX} are read`);
    const bytes = await readFile(pathOf(digest));
    const found = digestOf(bytes, digestAlgorithm(digest));
    if (found !== digest) throw failure(place, "digest-mismatch", `${pathOf(digest)} has the digest ${found}`);
    const parsed = parseManifest(bytes, mediaType);
    if (parsed._tag === "Refused") throw failure(place, "manifest-refused", `${parsed.reason}: ${parsed.detail}`);
    return { ...parsed, digest };
  };

  const manifest = (_repository: RepositoryName, reference: Tag | Digest) =>
    run("read manifest", reference, (place) => readManifest(place, reference));

  const store = async (descriptor: Pick<Descriptor, "digest" | "size">, body: Readable | Uint8Array, place: Place) => {
    const target = pathOf(descriptor.digest);
    await mkdir(join(target, ".."), { recursive: true });
    // Beside its place, so that a layout never holds half a blob under a digest.
    const temporary = join(root, `.upload-${randomUUID()}`);
    try {
      const proven =
        body instanceof Uint8Array ? verified(descriptor, Readable.from([body], { objectMode: false }), place) : body;
      await pipeline(proven, createWriteStream(temporary, { flush: true }));
      await rename(temporary, target);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cause;
    }
  };

  const put = async (
    place: Place,
    reference: Tag | Digest,
    given: Pick<Manifest, "bytes" | "mediaType" | "digest">,
  ) => {
    const parsed = parseManifest(given.bytes, given.mediaType);
    if (parsed._tag === "Refused") throw failure(place, "manifest-refused", `${parsed.reason}: ${parsed.detail}`);
    await allThere(place, parsed, pathOf);
    const size = given.bytes.byteLength;
    await store({ digest: given.digest, size }, given.bytes, place);
    const entry: LayoutEntry = {
      mediaType: given.mediaType,
      digest: given.digest,
      size,
      ...(parsed.artifactType === undefined ? {} : { artifactType: parsed.artifactType }),
    };
    // What refers to another manifest is found through index.json; a child is found through its index.
    if (!isDigest(reference)) await index.change((entries) => withTag(entries, reference, entry));
    else if (parsed.subject !== undefined) await index.change((entries) => withEntry(entries, entry));
    return { subjectAccepted: parsed.subject !== undefined };
  };

  const referring = async (place: Place, subject: Digest): Promise<ReadonlyArray<Descriptor>> => {
    const { manifests } = await index.read();
    const found: Array<Descriptor> = [];
    for (const { digest, mediaType, size } of new Map(manifests.map((entry) => [entry.digest, entry])).values()) {
      const read = await readManifest(place, digest);
      if (read.subject?.digest !== subject) continue;
      const { artifactType, annotations } = read;
      found.push({ digest, mediaType, size, artifactType, annotations });
    }
    return found;
  };

  return {
    name,
    url: pathToFileURL(`${root}/`),
    traits: { ...STANDARD_TRAITS, referrers: "api", presence: "head", sparseIndex: "refused" },
    powers: {},
    resolve: (repository, reference) =>
      manifest(repository, reference).pipe(
        Effect.map(({ digest, mediaType, bytes }) => ({ digest, mediaType, size: bytes.byteLength })),
        Effect.catchIf(
          (error) => error.reason === "not-found" || error.reason === "repository-unknown",
          () => Effect.succeed(undefined),
        ),
      ),
    manifest,
    putManifest: (_repository, reference, given) =>
      run("write manifest", reference, (place) => put(place, reference, given)),
    hasBlob: (_repository, digest) => run("look for blob", digest, () => exists(pathOf(digest))),
    blob: (_repository, descriptor, from = 0) =>
      run("read blob", descriptor.digest, async (place) => {
        const { size } = await stat(pathOf(descriptor.digest));
        if (size !== descriptor.size)
          throw failure(
            place,
            "digest-mismatch",
            `${pathOf(descriptor.digest)} has ${size} bytes, not ${descriptor.size}`,
          );
        const stream = from < size ? createReadStream(pathOf(descriptor.digest), { start: from }) : Readable.from([]);
        return { size: size - from, stream };
      }),
    startUpload: () => Effect.succeed({ _tag: "Opened", location: pathToFileURL(`${root}/`) }),
    upload: (_repository, _location, descriptor, body) =>
      run("write blob", descriptor.digest, (place) => store(descriptor, body, place)),
    cancelUpload: () => Effect.void,
    tags: () =>
      Stream.fromEffect(
        run("list tags", "index.json", async () =>
          (await index.read()).manifests.map(tagOf).filter((tag) => tag !== undefined),
        ),
      ),
    repositories: () => Stream.fail(noCatalogue(name)),
    referrers: (_repository, digest) => run("list referrers", digest, (place) => referring(place, digest)),
    deleteManifest: (_repository, reference) =>
      run("delete manifest", reference, async () => {
        const before = (await index.read()).manifests;
        if (without(before, reference) === undefined) return false;
        await index.change((entries) => without(entries, reference));
        return true;
      }),
  };
};

/** Children before parents: a layout that lacks what a manifest names would be of no use to whoever carries it over the gap. */
const allThere = async (place: Place, manifest: Manifest, pathOf: (digest: Digest) => string): Promise<void> => {
  const parts = manifest._tag === "Index" ? manifest.manifests : [manifest.config, ...manifest.layers.filter(isOurs)];
  const missing: Array<Digest> = [];
  for (const { digest } of parts) if (!(await exists(pathOf(digest)))) missing.push(digest);
  if (missing.length > 0)
    throw failure(place, "content-missing", `${missing.join(", ")} is not in the layout`, { missing });
};

/** Foreign layers are never moved. */
const isOurs = ({ urls }: Descriptor): boolean => urls === undefined || urls.length === 0;

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return false;
      throw cause;
    },
  );

const noCatalogue = (registry: string): RegistryError =>
  failure(
    { registry, operation: "list repositories", reference: "index.json" },
    "unsupported",
    "an image layout is one repository without a name",
  );

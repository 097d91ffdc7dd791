import { Readable } from "node:stream";
import {
  cosignTag,
  type Descriptor,
  type Digest,
  digestOf,
  MEDIA_TYPES,
  type Platform,
  type Tag,
} from "../model/index.ts";
import { type BlobFixture, layer } from "./layers.ts";

/** Images that are made from a seed: the same arguments give the same digests on every machine, for ever. */
export interface ImageFixture {
  /** Points to the manifest; with the platform of an image, and the artifact type of an artefact. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
  /** Configuration and layers, each digest once. */
  readonly blobs: ReadonlyArray<BlobFixture>;
  /** Entries of an index. */
  readonly children: ReadonlyArray<ImageFixture>;
}

/** Media types of one family or the other. */
export type ImageFormat = "oci" | "docker";

export interface ImageOptions {
  readonly seed: string;
  /** Bytes of each layer. Default: one of 4 KiB. */
  readonly layers?: ReadonlyArray<number> | undefined;
  /** Seeds of the layers, where images share some: `["base", "app-7"]`. Default: made from `seed`. */
  readonly layerSeeds?: ReadonlyArray<string> | undefined;
  /** Default linux/amd64. */
  readonly platform?: Platform | undefined;
  /** Default `oci`. */
  readonly format?: ImageFormat | undefined;
  /** OCI only. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Labels in the configuration. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** OCI only. */
  readonly subject?: Descriptor | undefined;
}

export interface IndexOptions {
  readonly children: ReadonlyArray<ImageFixture>;
  /** Default `oci`. Docker lists cannot hold other lists, annotations or a subject. */
  readonly format?: ImageFormat | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly subject?: Descriptor | undefined;
}

const DEFAULT_LAYERS: ReadonlyArray<number> = [4096];
const DEFAULT_PLATFORM: Platform = { os: "linux", architecture: "amd64" };
/** Fixtures know no clock. */
const CREATED = "2026-01-01T00:00:00Z";

const FAMILIES = {
  oci: {
    index: MEDIA_TYPES.ociIndex,
    manifest: MEDIA_TYPES.ociManifest,
    config: MEDIA_TYPES.ociConfig,
    layer: MEDIA_TYPES.ociLayerGzip,
  },
  docker: {
    index: MEDIA_TYPES.dockerList,
    manifest: MEDIA_TYPES.dockerManifest,
    config: MEDIA_TYPES.dockerConfig,
    layer: MEDIA_TYPES.dockerLayerGzip,
  },
} as const;

/** An image of one platform. Hashing a layer takes its time: about a second for a GiB or two. */
export const image = (options: ImageOptions): ImageFixture => {
  const { seed, platform = DEFAULT_PLATFORM, format = "oci", annotations, labels, subject } = options;
  const types = FAMILIES[format];
  const layers = (options.layers ?? DEFAULT_LAYERS).map((size, n) =>
    layer(options.layerSeeds?.[n] ?? `${seed}/${n}`, size),
  );
  const config = blobOf(
    encode({
      ...platform,
      created: CREATED,
      author: seed,
      config: { Labels: labels },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map((_, n) => ({ created: CREATED, created_by: `layer ${n}` })),
    }),
  );
  const document = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: types.layer, digest, size })),
    ...(format === "oci" ? { subject, annotations } : {}),
  };
  return fixture(encode(document), { mediaType: types.manifest, platform }, { blobs: [config, ...layers] });
};

/** An index of images, or of other indexes. */
export const index = ({ children, format = "oci", annotations, subject }: IndexOptions): ImageFixture => {
  const mediaType = FAMILIES[format].index;
  const manifests = children.map(({ descriptor }) => descriptor);
  const more = format === "oci" ? { subject, annotations } : {};
  return fixture(encode({ schemaVersion: 2, mediaType, manifests, ...more }), { mediaType }, { children });
};

/** The two platforms that most images have: an index of two images with the layers given. */
export const multiPlatform = (options: Omit<ImageOptions, "platform">): ImageFixture =>
  index({
    format: options.format,
    children: ["amd64", "arm64"].map((architecture) =>
      image({ ...options, seed: `${options.seed}/${architecture}`, platform: { os: "linux", architecture } }),
    ),
  });

export interface ArtefactOptions {
  /** Default `application/vnd.dev.sigstore.bundle.v0.3+json`, what cosign writes today. */
  readonly artifactType?: string | undefined;
  /** Tells two artefacts of one subject apart. Default: the digest of the subject. */
  readonly seed?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** A referrer of OCI 1.1: a manifest with a subject, the empty configuration and one small layer. */
export const signatureFor = (
  subject: Pick<ImageFixture, "descriptor">,
  options: ArtefactOptions = {},
): ImageFixture => {
  const { artifactType = SIGSTORE_BUNDLE, seed = subject.descriptor.digest, annotations } = options;
  const { mediaType, digest, size } = subject.descriptor;
  const config = blobOf(encode({}));
  const content = blobOf(encode({ mediaType: artifactType, seed }));
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType,
    config: { mediaType: MEDIA_TYPES.ociEmpty, digest: config.digest, size: config.size, data: "e30=" },
    layers: [{ mediaType: artifactType, digest: content.digest, size: content.size }],
    subject: { mediaType, digest, size },
    annotations,
  };
  const about = { mediaType: MEDIA_TYPES.ociManifest, artifactType, annotations };
  return fixture(encode(document), about, { blobs: [config, content] });
};

/** What cosign wrote before OCI 1.1: an image without subject, found by the tag made from the digest that it is about. */
export const cosignArtefactFor = (
  subject: Pick<ImageFixture, "digest">,
  kind: "sig" | "att" | "sbom" = "sig",
): { readonly tag: Tag; readonly image: ImageFixture } => {
  const payload = blobOf(
    encode({
      critical: {
        identity: { "docker-reference": "" },
        image: { "docker-manifest-digest": subject.digest },
        type: kind,
      },
    }),
  );
  const config = blobOf(encode({ architecture: "", os: "", rootfs: { type: "layers", diff_ids: [payload.digest] } }));
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, size: config.size },
    layers: [
      {
        mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
        digest: payload.digest,
        size: payload.size,
        annotations: { "dev.cosignproject.cosign/signature": Buffer.from(subject.digest).toString("base64") },
      },
    ],
  };
  const made = fixture(encode(document), { mediaType: MEDIA_TYPES.ociManifest }, { blobs: [config, payload] });
  return { tag: cosignTag(subject.digest, kind), image: made };
};

/** All manifests of a fixture, children before parents. */
export const manifestsOf = (top: ImageFixture): ReadonlyArray<ImageFixture> => [
  ...top.children.flatMap(manifestsOf),
  top,
];

/** All blobs of a fixture, each digest once. */
export const blobsOf = (top: ImageFixture): ReadonlyArray<BlobFixture> => [
  ...new Map(manifestsOf(top).flatMap(({ blobs }) => blobs.map((blob) => [blob.digest, blob] as const))).values(),
];

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value, null, 2));

const blobOf = (bytes: Uint8Array): BlobFixture => ({
  digest: digestOf(bytes),
  size: bytes.byteLength,
  open: () => Readable.from([bytes], { objectMode: false }),
});

const fixture = (
  bytes: Uint8Array,
  about: Pick<Descriptor, "mediaType" | "platform" | "artifactType" | "annotations">,
  parts: { readonly blobs?: ReadonlyArray<BlobFixture>; readonly children?: ReadonlyArray<ImageFixture> },
): ImageFixture => {
  const digest = digestOf(bytes);
  return {
    descriptor: { ...about, digest, size: bytes.byteLength },
    bytes,
    mediaType: about.mediaType,
    digest,
    blobs: [...new Map((parts.blobs ?? []).map((blob) => [blob.digest, blob])).values()],
    children: parts.children ?? [],
  };
};

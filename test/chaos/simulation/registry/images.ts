import {
  type Descriptor,
  type Digest,
  type Manifest,
  parseManifest,
  parseRepositoryName,
  parseTag,
} from "@drayage/oci-core";
import {
  blobsOf,
  cosignArtefactFor,
  type ImageFixture,
  image,
  manifestsOf,
  multiPlatform,
  signatureFor,
} from "@drayage/oci-core/testing";

/** An image ready to be put: what it consists of, children before parents, the top last. */
export interface Image {
  readonly digest: Digest;
  readonly manifests: ReadonlyArray<Manifest>;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}
/** An image with what may come to refer to it. */
export interface Signed extends Image {
  /** By the referrers API. */
  readonly signature: Image;
  /** By the tag that cosign makes of the digest. */
  readonly cosign: { readonly tag: string; readonly image: Image };
}

const need = <A>(value: A | undefined, text: string): A => {
  if (value === undefined) throw new TypeError(`not a valid name: ${text}`);
  return value;
};
export const repositoryOf = (text: string) => need(parseRepositoryName(text), text);
export const tagOf = (text: string) => need(parseTag(text), text);

const bytesOf = async (fixture: ImageFixture): Promise<ReadonlyMap<Digest, Uint8Array>> => {
  const read = blobsOf(fixture).map(async ({ digest, open }) => {
    const pieces: Array<Uint8Array> = [];
    for await (const piece of open()) pieces.push(piece as Uint8Array);
    return [digest, Buffer.concat(pieces)] as const;
  });
  return new Map(await Promise.all(read));
};
const load = async (fixture: ImageFixture): Promise<Image> => ({
  digest: fixture.digest,
  blobs: await bytesOf(fixture),
  manifests: manifestsOf(fixture).map(({ bytes, mediaType }) => {
    const manifest = parseManifest(bytes, mediaType);
    if (manifest._tag === "Refused") throw new TypeError(manifest.detail);
    return manifest;
  }),
});
const loadSigned = async (fixture: ImageFixture): Promise<Signed> => {
  const { tag, image: cosigned } = cosignArtefactFor(fixture);
  return {
    ...(await load(fixture)),
    signature: await load(signatureFor(fixture)),
    cosign: { tag, image: await load(cosigned) },
  };
};

/** So many that a tag seldom gets the digest back that it had. */
const IMAGES = 24;
/** Every third image is of two platforms. Layers are tiny, and the first is shared, so that there is something to mount. */
const fixtureOf = (n: number): ImageFixture => {
  const options = { seed: `image-${n}`, layers: [16, 24], layerSeeds: ["base", `layer-${n % 8}`] };
  return n % 3 === 2 ? multiPlatform(options) : image(options);
};

/** All images that any schedule knows; made once. */
export const IMAGES_OF_ALL: ReadonlyArray<Signed> = await Promise.all(
  Array.from({ length: IMAGES }, (_, n) => loadSigned(fixtureOf(n))),
);

export const descriptorOf = ({ mediaType, digest, bytes, artifactType }: Manifest): Descriptor => ({
  mediaType,
  digest,
  size: bytes.byteLength,
  artifactType,
});

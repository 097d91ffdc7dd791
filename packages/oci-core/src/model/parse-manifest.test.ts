import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DESCRIPTORS_MAX, digestOf, MANIFEST_BYTES_MAX, MEDIA_TYPES, parseManifest } from "./index.ts";
import { topLevelKeys } from "./json-keys.ts";

const DIGEST = `sha256:${"c".repeat(64)}`;
const descriptor = (mediaType: string = MEDIA_TYPES.ociLayerGzip) => ({ mediaType, digest: DIGEST, size: 3 });
const image = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  config: descriptor(MEDIA_TYPES.ociConfig),
  layers: [descriptor(), descriptor()],
};
const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [descriptor(MEDIA_TYPES.ociManifest)] };
const bytesOf = (document: unknown): Uint8Array =>
  Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
const parse = (document: unknown, contentType?: string) => parseManifest(bytesOf(document), contentType);

describe("parseManifest reads", () => {
  it("an image, with its bytes and digest untouched", () => {
    const bytes = bytesOf(image);
    expect(parseManifest(bytes, MEDIA_TYPES.ociManifest)).toMatchObject({
      _tag: "Image",
      bytes,
      digest: digestOf(bytes),
      mediaType: MEDIA_TYPES.ociManifest,
      config: { digest: DIGEST, size: 3 },
      layers: [{ digest: DIGEST }, { digest: DIGEST }],
    });
  });
  it.each([
    ["a Docker manifest", { ...image, mediaType: MEDIA_TYPES.dockerManifest }, MEDIA_TYPES.dockerManifest, "Image"],
    ["an index", index, MEDIA_TYPES.ociIndex, "Index"],
    ["a Docker list", { ...index, mediaType: MEDIA_TYPES.dockerList }, MEDIA_TYPES.dockerList, "Index"],
    ["an empty index", { ...index, manifests: [] }, MEDIA_TYPES.ociIndex, "Index"],
    ["an index whose list is null", { ...index, manifests: null }, MEDIA_TYPES.ociIndex, "Index"],
    ["parameters in Content-Type", image, `${MEDIA_TYPES.ociManifest}; charset=utf-8`, "Image"],
    ["a generic Content-Type", image, "application/json", "Image"],
    ["no Content-Type", image, undefined, "Image"],
    ["an unknown vendor type", { ...image, mediaType: "application/vnd.x+json" }, "application/vnd.x+json", "Image"],
    ["unknown keys, odd annotations and platforms", { ...image, x: 1, annotations: { a: 1 } }, undefined, "Image"],
  ])("%s", (_name, document, contentType, tag) => {
    expect(parse(document, contentType)).toMatchObject({ _tag: tag });
  });
  it("no mediaType at all as OCI, by its shape", () => {
    const { mediaType: _a, ...bareImage } = image;
    const { mediaType: _b, ...bareIndex } = index;
    expect(parse(bareImage)).toMatchObject({ mediaType: MEDIA_TYPES.ociManifest });
    expect(parse(bareIndex, "text/plain")).toMatchObject({ mediaType: MEDIA_TYPES.ociIndex });
    expect(parse(bareImage, MEDIA_TYPES.dockerManifest)).toMatchObject({ mediaType: MEDIA_TYPES.dockerManifest });
  });
  it("subject, artifactType, annotations and platforms", () => {
    const platform = { os: "linux", architecture: "arm", variant: "v7", "os.version": "1" };
    const document = {
      ...index,
      artifactType: "application/x",
      annotations: { a: "b" },
      subject: descriptor(MEDIA_TYPES.ociManifest),
      manifests: [{ ...descriptor(MEDIA_TYPES.ociManifest), platform, urls: ["https://x"] }],
    };
    expect(parse(document)).toMatchObject({
      artifactType: "application/x",
      annotations: { a: "b" },
      subject: { digest: DIGEST },
      manifests: [{ platform: { os: "linux", architecture: "arm", variant: "v7" } }],
    });
  });
});

describe("parseManifest refuses", () => {
  const many = Array.from({ length: DESCRIPTORS_MAX + 1 }, () => descriptor(MEDIA_TYPES.ociManifest));
  it.each([
    ["no JSON", "<html>", undefined, "not-json"],
    ["a JSON array", "[]", undefined, "not-json"],
    ["a byte order mark", `\uFEFF${JSON.stringify(image)}`, undefined, "not-json"],
    ["schema 1 by its header", image, MEDIA_TYPES.dockerSchema1Signed, "schema-1"],
    ["schema 1 by its body", { schemaVersion: 1, name: "x", fsLayers: [] }, undefined, "schema-1"],
    ["both families", { ...image, manifests: [] }, undefined, "ambiguous"],
    ["layers of schema 2 and of schema 1", { ...image, fsLayers: [] }, undefined, "ambiguous"],
    ["a key twice", JSON.stringify(image).replace("{", '{"layers":[],'), undefined, "ambiguous"],
    [
      "a key twice, once with an escape",
      JSON.stringify(image).replace("{", '{"l\\u0061yers":[],'),
      undefined,
      "ambiguous",
    ],
    ["a key in another case", { ...index, Layers: [] }, undefined, "ambiguous"],
    ["a header that contradicts the body", image, MEDIA_TYPES.dockerManifest, "media-type"],
    ["a type that contradicts the shape", { ...image, mediaType: MEDIA_TYPES.ociIndex }, undefined, "media-type"],
    ["neither image nor index", { schemaVersion: 2 }, undefined, "unsupported-shape"],
    [
      "the removed artifact manifest",
      { mediaType: MEDIA_TYPES.ociArtifact, blobs: [] },
      undefined,
      "unsupported-shape",
    ],
    ["another schema version", { ...image, schemaVersion: 3 }, undefined, "descriptor"],
    ["no layers", { ...image, layers: undefined }, undefined, "descriptor"],
    [
      "a digest that cannot be verified",
      { ...image, config: { ...descriptor(), digest: "md5:00" } },
      undefined,
      "descriptor",
    ],
    [
      "a digest with a path in it",
      { ...index, manifests: [{ ...descriptor(), digest: "sha256:../x" }] },
      undefined,
      "descriptor",
    ],
    ["a negative size", { ...image, layers: [{ ...descriptor(), size: -1 }] }, undefined, "descriptor"],
    ["a fractional size", { ...image, layers: [{ ...descriptor(), size: 1.5 }] }, undefined, "descriptor"],
    ["a size past exact numbers", { ...image, layers: [{ ...descriptor(), size: 2 ** 60 }] }, undefined, "descriptor"],
    ["an index bomb", { ...index, manifests: many }, undefined, "too-large"],
    ["an endless image", { ...image, layers: many }, undefined, "too-large"],
  ])("%s", (_name, document, contentType, reason) => {
    expect(parse(document, contentType)).toMatchObject({ _tag: "Refused", reason });
  });
  it("more bytes than the limit, without reading them", () => {
    expect(parseManifest(new Uint8Array(MANIFEST_BYTES_MAX + 1))).toMatchObject({ reason: "too-large" });
  });
  it("and names the place", () => {
    expect(parse({ ...image, layers: [descriptor(), { ...descriptor(), size: "3" }] })).toMatchObject({
      detail: expect.stringContaining("layers[1].size"),
    });
  });
});

describe("for every input", () => {
  it("bytes never make it throw", () => {
    void fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.option(fc.string(), { nil: undefined }), (bytes, type) => {
        expect(parseManifest(bytes, type)).toHaveProperty("_tag");
      }),
    );
  });
  it("documents of any JSON in any place never make it throw", () => {
    const keys = fc.constantFrom(
      "schemaVersion",
      "mediaType",
      "config",
      "layers",
      "manifests",
      "subject",
      "annotations",
      "platform",
    );
    void fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), (mutation) => {
        expect(parse({ ...image, ...mutation })).toHaveProperty("_tag");
      }),
    );
  });
  it("a cut or flipped byte never makes it throw, and never keeps the digest", () => {
    const bytes = Buffer.from(JSON.stringify(index));
    const whole = digestOf(bytes);
    void fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, mask, cut) => {
        const mutated = cut
          ? bytes.subarray(0, at)
          : Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ mask : byte)));
        const parsed = parseManifest(mutated);
        if (parsed._tag !== "Refused") expect(parsed.digest).not.toBe(whole);
      }),
    );
  });
  it("the scan of keys agrees with JSON.parse where no key is repeated", () => {
    void fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (document) => {
        const text = JSON.stringify(document);
        expect([...topLevelKeys(text)].sort()).toEqual(Object.keys(JSON.parse(text)).sort());
      }),
    );
  });
});

import { describe, expect, it } from "vitest";
import { image, index } from "../testing/images.ts";
import { choosePlatforms, matchesPlatform, REWRITTEN_FROM, rewriteIndex } from "./choose-platforms.ts";
import type { IndexManifest } from "./manifest.ts";
import { parseManifest } from "./parse-manifest.ts";
import { parsePlatform } from "./platform.ts";

const platform = (text: string) => {
  const parsed = parsePlatform(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const of = (...names: ReadonlyArray<string>) => names.map((name) => image({ seed: name, platform: platform(name) }));
const read = (bytes: Uint8Array, type?: string): IndexManifest => {
  const parsed = parseManifest(bytes, type);
  if (parsed._tag !== "Index") throw new Error(parsed._tag);
  return parsed;
};
/** `*`: an entry without a platform. */
const indexOf = (...names: ReadonlyArray<string>) => {
  const manifests = names.map((name, at) =>
    name === "*"
      ? { ...image({ seed: `${at}` }).descriptor, platform: undefined }
      : image({ seed: name, platform: platform(name) }).descriptor,
  );
  return read(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
};
const chosen = (from: IndexManifest, ...only: ReadonlyArray<string>) =>
  choosePlatforms(from, only.map(platform))?.map((entry) => entry.digest);

describe("a platform that is wanted", () => {
  it.each([
    ["linux/amd64", "linux/amd64", true],
    ["linux/amd64", "linux/arm64", false],
    ["linux/amd64", "windows/amd64", false],
    ["linux/arm", "linux/arm/v6", true],
    ["linux/arm/v7", "linux/arm/v6", false],
    ["linux/arm64/v8", "linux/arm64", true],
    ["linux/arm64", "linux/arm64/v8", true],
    ["linux/arm64/v9", "linux/arm64", false],
    ["linux/amd64/v1", "linux/amd64", true],
  ])("%s, held %s: %s", (wanted, held, expected) =>
    expect(matchesPlatform(platform(wanted), platform(held))).toBe(expected),
  );
});

describe("entries of an index", () => {
  it("are those of the platforms, in the order of the index", () => {
    const all = indexOf("linux/amd64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64");
    const digests = all.manifests.map(({ digest }) => digest);
    expect(chosen(all, "windows/amd64", "linux/amd64")).toEqual([digests[0], digests[3]]);
    expect(chosen(all, "linux/s390x")).toBeUndefined();
  });

  it("without a platform cannot be judged and go along; an index of such alone is taken whole", () => {
    const mixed = indexOf("linux/amd64", "*", "linux/arm64");
    const digests = mixed.manifests.map(({ digest }) => digest);
    expect(chosen(mixed, "linux/arm64")).toEqual([digests[1], digests[2]]);
    expect(chosen(mixed, "linux/s390x")).toBeUndefined();
    expect(chosen(indexOf("*", "*"), "linux/amd64")).toHaveLength(2);
    expect(chosen(indexOf(), "linux/amd64")).toEqual([]);
  });

  it("that attest another go with it, and not without", () => {
    const [amd, arm] = of("linux/amd64", "linux/arm64");
    if (amd === undefined || arm === undefined) throw new Error("no images");
    const attest = (about: string) => ({
      ...image({ seed: `attest ${about}` }).descriptor,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about },
    });
    const manifests = [amd.descriptor, arm.descriptor, attest(amd.digest), attest(arm.digest)];
    const all = read(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
    expect(chosen(all, "linux/arm64")).toEqual([manifests[1]?.digest, manifests[3]?.digest]);
  });
});

describe("a rewritten index", () => {
  const rewritten = (from: IndexManifest, name: string) =>
    rewriteIndex(from, choosePlatforms(from, [platform(name)]) ?? []);

  it("is the same document with fewer entries and the digest of its origin, always the same bytes", () => {
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      later: { kept: [1, null] },
      annotations: { own: "stays" },
      manifests: of("linux/amd64", "linux/arm64").map(({ descriptor }) => ({ ...descriptor, "x-odd": true })),
    });
    const all = read(Buffer.from(text));
    const made = rewritten(all, "linux/arm64");
    expect(made.bytes).toEqual(rewritten(all, "linux/arm64").bytes);
    const document = JSON.parse(Buffer.from(made.bytes).toString());
    expect(document).toEqual({
      ...JSON.parse(text),
      annotations: { own: "stays", [REWRITTEN_FROM]: all.digest },
      manifests: [JSON.parse(text).manifests[1]],
    });
    expect(read(made.bytes)).toEqual(made);
    expect(made.digest).not.toBe(all.digest);
  });

  it("of a Docker list has no annotation, which those do not know", () => {
    const list = index({ format: "docker", children: of("linux/amd64", "linux/arm64") });
    const made = rewritten(read(list.bytes), "linux/amd64");
    expect(Buffer.from(made.bytes).toString()).not.toContain("annotations");
    expect(read(made.bytes)).toEqual(made);
  });

  it("that would leave nothing out is the index itself", () => {
    const all = indexOf("linux/amd64");
    expect(rewritten(all, "linux/amd64")).toBe(all);
  });
});

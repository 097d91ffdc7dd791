import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { image } from "./images.ts";
import { type LayerFixture, layer } from "./layers.ts";
import { sha256 } from "./plain-http.ts";

const bytesOf = async (blob: LayerFixture): Promise<Buffer> => Buffer.concat(await blob.open().toArray());

describe("fixtures", () => {
  it("have the size that was asked for and are the same every time", async () => {
    const edges = [0, 1, 1558, 1559, 1560, 65_570, 67_098, 67_099, 67_100, 131_000];
    const sizes = fc.oneof(fc.constantFrom(...edges), fc.nat(200_000));
    await fc.assert(
      fc.asyncProperty(sizes, async (size) => {
        const made = layer("seed", size);
        const bytes = await bytesOf(made);
        expect([made.size, bytes.length, made.digest]).toEqual([size, size, sha256(bytes)]);
      }),
      { numRuns: 40 },
    );
    expect(layer("seed", 100).digest).not.toBe(layer("other", 100).digest);
  });

  it("have layers that can be unpacked and cannot be compressed", async () => {
    const made = layer("seed", 70_000);
    const archive = gunzipSync(await bytesOf(made));
    expect(sha256(archive)).toBe(made.diffId);
    expect(archive.subarray(257, 262).toString()).toBe("ustar");
    expect(gzipSync(archive, { level: 9 }).length).toBeGreaterThan(0.95 * made.size);
  });

  it("keep their digests for ever", () => {
    expect(image({ seed: "fixed" }).digest).toMatchInlineSnapshot(
      `"sha256:834ef2bda72c2732a404f8378b1f4b28524d709fdc2a205c77e6b15c1e73468d"`,
    );
  });
});

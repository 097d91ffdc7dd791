import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { MeteredStream } from "./metered.ts";
import { verified } from "./verify.ts";

const describeBytes = (bytes: Uint8Array) => ({ digest: digestOf(bytes), size: bytes.byteLength });
const cut = (bytes: Uint8Array, at: ReadonlyArray<number>): Buffer[] => {
  const points = [...new Set(at.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...points, bytes.length].map((end, i) => Buffer.from(bytes.subarray(points[i - 1] ?? 0, end)));
};
const place = { registry: "lab", operation: "GET blob", reference: "a" };

describe("verified", () => {
  it("gives the very bytes, however they are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat()), async (bytes, at) => {
        const out = verified(describeBytes(bytes), Readable.from(cut(bytes, at)));
        expect(await buffer(out)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
  });
  it("never gives out all bytes of a wrong body", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.array(fc.nat()),
        fc.nat(),
        async (bytes, at, flip) => {
          const promised = describeBytes(bytes);
          const wrong = bytes.map((byte, i) => (i === flip % bytes.length ? byte ^ 1 : byte));
          let given = 0;
          const out = verified(promised, Readable.from(cut(wrong, at))).on("data", (chunk) => {
            given += chunk.length;
          });
          await expect(buffer(out)).rejects.toMatchObject({ _tag: "RegistryError", reason: "digest-mismatch" });
          expect(given).toBeLessThan(promised.size);
        },
      ),
      { numRuns: 50 },
    );
  });
  it("stops at the first surplus byte and at a missing one", async () => {
    const promised = describeBytes(Buffer.from("abc"));
    await expect(buffer(verified(promised, Readable.from([Buffer.from("abcd")])))).rejects.toMatchObject({
      reason: "digest-mismatch",
    });
    await expect(buffer(verified(promised, Readable.from([Buffer.from("ab")])))).rejects.toMatchObject({
      reason: "digest-mismatch",
    });
  });
  it("takes an empty blob, and only the right one", async () => {
    const empty = describeBytes(new Uint8Array());
    expect(await buffer(verified(empty, Readable.from([])))).toHaveLength(0);
    await expect(
      buffer(verified({ ...empty, digest: digestOf(Buffer.from("x")) }, Readable.from([]))),
    ).rejects.toMatchObject({
      reason: "digest-mismatch",
    });
  });
  it("checks sha512 as well", async () => {
    const bytes = Buffer.from("x");
    const out = verified({ digest: digestOf(bytes, "sha512"), size: 1 }, Readable.from([bytes]));
    expect(await buffer(out)).toEqual(bytes);
  });
  it("passes on errors of its source, and destroys it when it is destroyed", async () => {
    const broken = new Readable({ read: () => undefined });
    const out = verified(describeBytes(Buffer.from("x")), broken);
    broken.destroy(new Error("cable"));
    await expect(buffer(out)).rejects.toThrow("cable");
    const endless = new Readable({ read: () => undefined });
    verified(describeBytes(Buffer.from("x")), endless).destroy();
    await new Promise((resolve) => endless.on("close", resolve));
    expect(endless.destroyed).toBe(true);
  });
  it("works in a pipeline", async () => {
    const bytes = Buffer.alloc(1_000_000, 7);
    let length = 0;
    await pipeline(verified(describeBytes(bytes), Readable.from(cut(bytes, [1, 65_536, 700_000]))), async (chunks) => {
      for await (const chunk of chunks) length += (chunk as Buffer).length;
    });
    expect(length).toBe(bytes.length);
  });
});

describe("MeteredStream", () => {
  const metered = (size: number, skip: number, ...chunks: string[]) => {
    const from = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
    return buffer(new MeteredStream(from, place, size, skip)).then(String);
  };
  it("skips what was not asked for, also across pieces", async () => {
    expect(await metered(3, 3, "ab", "cd", "ef")).toBe("def");
    expect(await metered(0, 2, "ab")).toBe("");
  });
  it("errors on a body that is too long or too short", async () => {
    await expect(metered(2, 0, "abc")).rejects.toMatchObject({ reason: "digest-mismatch" });
    await expect(metered(4, 0, "abc")).rejects.toMatchObject({ reason: "network" });
  });
});

import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { parseRepositoryName } from "../model/names.ts";
import { withRegistry } from "./scripted-server.test-support.ts";
import { Throttle, ThrottledStream } from "./throttle.ts";

describe("a throttle", () => {
  it("lets no more than its rate and a tenth of a second pass, however bytes come", () => {
    const pieces = fc.array(fc.record({ bytes: fc.nat(100_000), pause: fc.nat(300) }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1000, max: 10_000_000 }), (list, rate) => {
        const throttle = new Throttle(rate);
        let now = 1_000_000;
        let sum = 0;
        const began = now;
        for (const { bytes, pause } of list) {
          now += pause;
          now += throttle.pass(bytes, now);
          sum += bytes;
          expect(sum).toBeLessThanOrEqual(((now - began) / 1000 + 0.1) * rate + 1);
        }
      }),
    );
  });
  it("costs no time below its rate", () => {
    const throttle = new Throttle(1000);
    expect([throttle.pass(100, 5000), throttle.pass(100, 5100), throttle.pass(100, 5200)]).toEqual([0, 0, 0]);
    expect(throttle.pass(1000, 5200)).toBe(1000);
  });
  it("leaves bytes, ends and errors as they are", async () => {
    const throttle = new Throttle(1_000_000_000);
    const from = Readable.from([Buffer.from("ab"), Buffer.from("c")], { objectMode: false });
    expect((await buffer(new ThrottledStream(from, throttle))).toString()).toBe("abc");
    const broken = new Readable({ read: () => broken.destroy(new Error("broke")) });
    await expect(buffer(new ThrottledStream(broken, throttle))).rejects.toThrow("broke");
    const endless = new Readable({ read: () => undefined });
    new ThrottledStream(endless, throttle).destroy();
    await new Promise((resolve) => setImmediate(resolve));
    expect(endless.destroyed).toBe(true);
  });
  it("holds the blobs of a registry back, in both directions", async () => {
    const bytes = Buffer.alloc(300_000, 7);
    const repository = parseRepositoryName("a") ?? expect.unreachable();
    const blob = { digest: digestOf(bytes), size: bytes.byteLength, mediaType: "x/y" };
    const took: number[] = [];
    await withRegistry(
      ({ method }) => (method === "GET" ? { status: 200, body: bytes } : { status: 201 }),
      (registry, { url }) =>
        Effect.gen(function* () {
          for (let turn = 0; turn < 2; turn += 1) {
            const began = performance.now();
            const { stream } = yield* registry.blob(repository, blob);
            expect((yield* Effect.promise(() => buffer(stream))).equals(bytes)).toBe(true);
            yield* registry.upload(repository, new URL("/u", url), blob, bytes);
            took.push(performance.now() - began);
          }
        }),
      { traits: { bandwidth: 2_000_000 } },
    );
    // 1.2 MB at 2 MB/s, less what may pass at once: the first round may start with it.
    expect((took[0] ?? 0) + (took[1] ?? 0)).toBeGreaterThan(400);
  });
});

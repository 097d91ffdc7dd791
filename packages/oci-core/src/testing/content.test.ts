import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { makeSpool, openContent } from "./content.ts";
import { sha256 } from "./plain-http.ts";

describe("spool", () => {
  it.live("keeps small blobs in memory and big ones in a file", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "spool-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true })),
      );
      for (const [pieces, kind] of [
        [1, "Memory"],
        [40, "File"],
      ] as const) {
        const spool = makeSpool(directory, `blob-${pieces}`);
        const piece = Buffer.alloc(65_536, pieces);
        for (let n = 0; n < pieces; n += 1) yield* Effect.promise(() => spool.append(piece));
        const whole = Buffer.alloc(65_536 * pieces, pieces);
        expect(yield* Effect.promise(() => spool.digest("sha256:"))).toBe(sha256(whole));
        const content = yield* Effect.promise(spool.finish);
        expect(content._tag).toBe(kind);
        const part = yield* Effect.promise(() => buffer(openContent(content, 65_535, whole.length - 1)));
        expect(part.equals(whole.subarray(65_535))).toBe(true);
      }
    }),
  );
});

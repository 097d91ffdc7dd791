import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { makeCopier } from "../copy/make-copier.ts";
import { parseDigest, parseRepositoryName, parseTag } from "../model/index.ts";
import { connectRegistry } from "../registry/client.ts";
import {
  image,
  layer,
  manifestsOf,
  multiPlatform,
  pushImage,
  signatureFor,
  startStrictRegistry,
} from "../testing/index.ts";
import { openLayout } from "./open-layout.ts";

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("not a name");
  return value;
};
const app = must(parseRepositoryName("team/app"));
const any = must(parseRepositoryName("layout"));
const one = must(parseTag("1"));
const top = multiPlatform({ seed: "layout", layers: [2000, 70_000] });
const signature = signatureFor(top);

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "layout-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
);
const strict = Effect.fnUntraced(function* (name: string) {
  const server = yield* startStrictRegistry({});
  return {
    server,
    registry: yield* connectRegistry({ name, url: server.url, auth: [], traits: { referrers: "api" } }),
  };
});
const there = { depth: "tag", referrers: "all" } as const;

describe("an OCI image layout", () => {
  it.live("carries an index with its signature from one registry to another, byte by byte", () =>
    Effect.gen(function* () {
      const [from, to] = [yield* strict("from"), yield* strict("to")];
      const layout = openLayout(join(yield* directory, "new", "place"));
      const copier = yield* makeCopier();
      yield* pushImage(from.server.url, "team/app", "1", top);
      yield* pushImage(from.server.url, "team/app", undefined, signature);

      yield* copier.copy({
        ...there,
        source: { registry: from.registry, repository: app, reference: one },
        target: { registry: layout, repository: any, tag: one },
      });
      expect((yield* Stream.runCollect(layout.tags(any))).flat()).toEqual(["1"]);
      expect((yield* layout.referrers(any, top.digest)).map(({ digest }) => digest)).toEqual([signature.digest]);

      yield* copier.copy({
        ...there,
        source: { registry: layout, repository: any, reference: one },
        target: { registry: to.registry, repository: app, tag: one },
      });
      for (const { digest, bytes } of [...manifestsOf(top), signature])
        expect(Buffer.from(to.server.manifest("team/app", digest)?.bytes ?? "")).toEqual(Buffer.from(bytes));
      expect(to.server.danglingReferences()).toEqual([]);

      const again = yield* copier.copy({
        ...there,
        source: { registry: from.registry, repository: app, reference: one },
        target: { registry: layout, repository: any, tag: one },
      });
      expect(again.action).toBe("unchanged");
    }).pipe(Effect.scoped),
  );

  it.live("takes no manifest before its content, and no bytes that are not those of the digest", () =>
    Effect.gen(function* () {
      const root = yield* directory;
      const layout = openLayout(root);
      const early = yield* Effect.flip(layout.putManifest(any, one, image({ seed: "early" })));
      expect(early).toMatchObject({ reason: "content-missing" });
      const [promised, given] = [layer("promised", 5000), layer("given", 5000)];
      const bytes = Buffer.concat(yield* Effect.promise(() => given.open().toArray()));
      const descriptor = { ...promised, mediaType: "application/octet-stream" };
      const wrong = yield* Effect.flip(layout.upload(any, layout.url, descriptor, bytes));
      expect(wrong).toMatchObject({ reason: "digest-mismatch" });
      expect(yield* layout.hasBlob(any, promised.digest)).toBe(false);
    }).pipe(Effect.scoped),
  );

  it.live("finds a manifest that rotted on disk, and does not hand it on", () =>
    Effect.gen(function* () {
      const root = yield* directory;
      const layout = openLayout(root);
      const [from, copier] = [yield* strict("from"), yield* makeCopier()];
      yield* pushImage(from.server.url, "team/app", "1", top);
      yield* copier.copy({
        ...there,
        source: { registry: from.registry, repository: app, reference: one },
        target: { registry: layout, repository: any, tag: one },
      });
      yield* Effect.promise(() => writeFile(join(root, "blobs", top.digest.replace(":", "/")), "{}"));
      expect(yield* Effect.flip(layout.manifest(any, one))).toMatchObject({ reason: "digest-mismatch" });
    }).pipe(Effect.scoped),
  );

  it.live("moves and removes tags, and keeps what others wrote into index.json", () =>
    Effect.gen(function* () {
      const root = yield* directory;
      const index = join(root, "index.json");
      yield* Effect.promise(() => writeFile(join(root, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}'));
      const foreign = { mediaType: "application/x", digest: `sha256:${"0".repeat(64)}`, size: 1, note: "kept" };
      yield* Effect.promise(() =>
        writeFile(index, JSON.stringify({ schemaVersion: 2, who: "me", manifests: [foreign] })),
      );
      const layout = openLayout(root);
      const [from, copier] = [yield* strict("from"), yield* makeCopier()];
      for (const seed of ["before", "after"]) {
        yield* pushImage(from.server.url, "team/app", "1", image({ seed }));
        yield* copier.copy({
          ...there,
          source: { registry: from.registry, repository: app, reference: one },
          target: { registry: layout, repository: any, tag: one },
        });
      }
      expect((yield* layout.resolve(any, one))?.digest).toBe(image({ seed: "after" }).digest);
      expect(yield* layout.deleteManifest(any, one)).toBe(true);
      expect(yield* layout.deleteManifest(any, one)).toBe(false);
      const left: unknown = JSON.parse(yield* Effect.promise(() => readFile(index, "utf8")));
      expect(left).toEqual({ schemaVersion: 2, who: "me", manifests: [foreign] });
    }).pipe(Effect.scoped),
  );

  it.live("says what is wrong with a directory that is none", () =>
    Effect.gen(function* () {
      const root = yield* directory;
      const layout = openLayout(root);
      const absent = must(parseDigest(`sha256:${"1".repeat(64)}`));
      const none = yield* Effect.flip(layout.manifest(any, one));
      expect(none).toMatchObject({
        reason: "repository-unknown",
        detail: expect.stringContaining("no file oci-layout"),
      });
      expect(yield* layout.resolve(any, one)).toBeUndefined();
      expect(yield* Effect.flip(layout.manifest(any, absent))).toMatchObject({ reason: "not-found" });
      expect(yield* Effect.flip(Stream.runDrain(layout.repositories()))).toMatchObject({ reason: "unsupported" });
    }).pipe(Effect.scoped),
  );
});

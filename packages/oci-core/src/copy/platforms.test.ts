import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import type { PlatformChoice } from "../model/choose-platforms.ts";
import { parseDigest } from "../model/digest.ts";
import { cosignArtefactFor, image, index, multiPlatform, pushImage, signatureFor } from "../testing/index.ts";
import { tagOf } from "./memory-registry.test-support.ts";
import { app, one, startBoth } from "./strict-sides.test-support.ts";

const fixture = multiPlatform({ seed: "app", layers: [2000, 3000] });
const [amd, arm] = fixture.children;
if (amd === undefined || arm === undefined) throw new Error("two platforms");
const AMD = [{ os: "linux", architecture: "amd64" }];
const keep: PlatformChoice = { only: AMD, index: "keep" };
const rewrite: PlatformChoice = { only: AMD, index: "rewrite" };

const sides = Effect.fnUntraced(function* (rules: Parameters<typeof startBoth>[0] = {}) {
  const both = yield* startBoth(rules);
  yield* pushImage(both.source.server.url, "team/app", "1", fixture);
  const held = () =>
    [fixture, amd, arm].map(({ digest }) => both.target.server.manifest("team/app", digest) !== undefined);
  return { ...both, held };
});
const SPARSE = { target: { indexChildren: "any" } } as const;

describe("a choice of platforms that keeps the index", () => {
  it.live("brings the chosen image alone, under the digest of the source", () =>
    Effect.gen(function* () {
      const { target, copier, request, held } = yield* sides(SPARSE);
      const result = yield* copier.copy(request({ platforms: keep }));
      expect(result).toMatchObject({ digest: fixture.digest, sourceDigest: fixture.digest, action: "copied" });
      expect(result.manifests).toEqual([fixture.digest, amd.digest]);
      expect(held()).toEqual([true, true, false]);
      expect(target.server.danglingReferences().map(({ digest }) => digest)).toEqual([arm.digest]);
    }).pipe(Effect.scoped),
  );

  it.live("is complete as it is: a deep look moves nothing, and brings back only what was chosen", () =>
    Effect.gen(function* () {
      const { target, copier, request, held } = yield* sides(SPARSE);
      yield* copier.copy(request({ platforms: keep }));
      const deep = request({ platforms: keep, depth: "deep" });
      expect(yield* copier.copy(deep)).toMatchObject({ action: "unchanged" });
      target.server.deleteManifest("team/app", amd.digest);
      target.server.deleteBlob("team/app", amd.blobs[1]?.digest ?? "");
      expect(yield* copier.copy(deep)).toMatchObject({ action: "copied" });
      expect(held()).toEqual([true, true, false]);
    }).pipe(Effect.scoped),
  );

  it.live("is not taken for the whole image by a copy that wants all", () =>
    Effect.gen(function* () {
      const { target, copier, request, held } = yield* sides(SPARSE);
      yield* copier.copy(request({ platforms: keep }));
      const other = { registry: target.client, repository: app, tag: tagOf("all") };
      yield* copier.copy(request({ target: other }));
      expect(held()).toEqual([true, true, true]);
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("takes signatures of the index and of the chosen image, and no others", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* sides(SPARSE);
      const signatures = [fixture, amd, arm].map((subject) => signatureFor(subject));
      for (const each of signatures) yield* pushImage(source.server.url, "team/app", undefined, each);
      const ofArm = cosignArtefactFor(arm);
      yield* pushImage(source.server.url, "team/app", ofArm.tag, ofArm.image);
      expect((yield* copier.copy(request({ platforms: keep }))).referrers).toBe(2);
      expect(signatures.map(({ digest }) => target.server.manifest("team/app", digest) !== undefined)).toEqual([
        true,
        true,
        false,
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("is refused by name where the target wants every image, and its tag stays as it was", () =>
    Effect.gen(function* () {
      const { target, copier, request } = yield* sides();
      const failure = yield* Effect.flip(copier.copy(request({ platforms: keep })));
      expect(failure).toMatchObject({ side: "target", reason: "sparse-index-refused", retryable: false, status: 404 });
      expect(failure.message).toContain("let the index be rewritten");
      expect(target.server.tags("team/app")).toEqual([]);
      expect(target.server.openUploads()).toBe(0);
    }).pipe(Effect.scoped),
  );

  it.live("is refused before a byte is moved where the registry is known for it", () =>
    Effect.gen(function* () {
      const { target, copier, request } = yield* sides({ target: { traits: { sparseIndex: "refused" } } });
      const failure = yield* Effect.flip(copier.copy(request({ platforms: keep })));
      expect(failure).toMatchObject({ side: "target", reason: "sparse-index-refused", retryable: false });
      expect(target.server.requests.list().filter(({ method }) => method !== "HEAD")).toEqual([]);
      // All that there is: nothing is left out, so there is nothing to refuse.
      const both = { only: [...AMD, { os: "linux", architecture: "arm64" }], index: "keep" } as const;
      expect(yield* copier.copy(request({ platforms: both }))).toMatchObject({ action: "copied" });
    }).pipe(Effect.scoped),
  );

  it.live("puts the chosen image again with the index: such a target does not tell what is gone", () =>
    Effect.gen(function* () {
      const { target, copier, request, held } = yield* sides(SPARSE);
      yield* copier.copy(request({ platforms: keep }));
      target.server.deleteBlob("team/app", amd.blobs[1]?.digest ?? "");
      target.server.deleteManifest("team/app", amd.digest);
      target.server.deleteManifest("team/app", fixture.digest);
      yield* copier.copy(request({ platforms: keep }));
      expect(held()).toEqual([true, true, false]);
      expect(target.server.danglingReferences().map(({ digest }) => digest)).toEqual([arm.digest]);
    }).pipe(Effect.scoped),
  );
});

describe("any choice of platforms", () => {
  it.live("that the index has none of is an error with what it has", () =>
    Effect.gen(function* () {
      const { target, copier, request } = yield* sides(SPARSE);
      for (const how of ["keep", "rewrite"] as const) {
        const only = [{ os: "linux", architecture: "s390x" }];
        const failure = yield* Effect.flip(copier.copy(request({ platforms: { only, index: how } })));
        expect(failure).toMatchObject({ side: "source", reason: "platform-missing", retryable: false });
        expect(failure.detail).toContain("linux/amd64, linux/arm64");
      }
      expect(target.server.tags("team/app")).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("takes an image that is no index as it is", () =>
    Effect.gen(function* () {
      const { source, copier, request } = yield* sides();
      const plain = image({ seed: "plain", layers: [1000] });
      yield* pushImage(source.server.url, "team/app", "plain", plain);
      for (const platforms of [keep, rewrite]) {
        const from = { registry: source.client, repository: app, reference: tagOf("plain") };
        expect(yield* copier.copy(request({ source: from, platforms }))).toMatchObject({ digest: plain.digest });
      }
    }).pipe(Effect.scoped),
  );
});

describe("a choice of platforms that rewrites the index", () => {
  it.live("puts an index of the chosen alone, whole, and knows it again", () =>
    Effect.gen(function* () {
      const { source, target, copier, request, forget } = yield* sides();
      yield* pushImage(source.server.url, "team/app", undefined, signatureFor(fixture));
      const gated: Array<string> = [];
      const beforeTag = (digest: string) => Effect.sync(() => void gated.push(digest));
      const result = yield* copier.copy(request({ platforms: rewrite, beforeTag }));
      expect(result).toMatchObject({ sourceDigest: fixture.digest, action: "copied", referrers: 0 });
      expect(result.digest).not.toBe(fixture.digest);
      expect(gated).toEqual([result.digest]);
      const put = target.server.manifest("team/app", "1");
      expect(put?.digest).toBe(result.digest);
      expect(JSON.parse(Buffer.from(put?.bytes ?? []).toString())).toMatchObject({
        manifests: [{ digest: amd.digest }],
        annotations: { "io.drayage.rewritten-from": fixture.digest },
      });
      expect(target.server.danglingReferences()).toEqual([]);
      forget();
      expect(yield* copier.copy(request({ platforms: rewrite }))).toMatchObject({
        digest: result.digest,
        action: "unchanged",
      });
      expect(target.server.requests.list().map(({ method }) => method)).toEqual(["HEAD"]);
    }).pipe(Effect.scoped),
  );

  it.live("takes signatures of the chosen image", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* sides();
      const signature = signatureFor(amd);
      yield* pushImage(source.server.url, "team/app", undefined, signature);
      yield* pushImage(source.server.url, "team/app", undefined, signatureFor(arm));
      expect((yield* copier.copy(request({ platforms: rewrite }))).referrers).toBe(1);
      expect(target.server.manifest("team/app", signature.digest)).toBeDefined();
    }).pipe(Effect.scoped),
  );
});

describe("foreign layers", () => {
  const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const windows = () => {
    const whole = image({ seed: "windows", layers: [4000, 500] });
    const document = JSON.parse(Buffer.from(whole.bytes).toString());
    document.layers[0] = { ...document.layers[0], mediaType: foreign, urls: ["http://127.0.0.1:1/layer"] };
    const base = parseDigest(String(document.layers[0].digest));
    if (base === undefined) throw new Error("no digest");
    return { whole, base, bytes: Buffer.from(JSON.stringify(document)) };
  };
  const start = Effect.fnUntraced(function* () {
    const both = yield* startBoth();
    const { whole, base, bytes } = windows();
    yield* pushImage(both.source.server.url, "team/app", "whole", whole);
    both.source.server.putManifest("team/app", "1", { bytes, mediaType: "application/vnd.oci.image.manifest.v1+json" });
    const has = both.target.client.hasBlob(app, base);
    return { ...both, base, has };
  });

  it.live("stay where their makers have them", () =>
    Effect.gen(function* () {
      const { copier, request, has } = yield* start();
      expect((yield* copier.copy(request())).blobs.copied).toBe(2);
      expect(yield* has).toBe(false);
    }).pipe(Effect.scoped),
  );

  it.live(
    "come along where that is chosen, from the registry and from no address in the manifest; also to a target that has the rest",
    () =>
      Effect.gen(function* () {
        const { copier, request, has } = yield* start();
        yield* copier.copy(request());
        const other = request({ foreignLayers: "copy", depth: "deep" });
        expect((yield* copier.copy(other)).blobs).toMatchObject({ copied: 1, present: 2 });
        expect(yield* has).toBe(true);
      }).pipe(Effect.scoped),
  );

  it.live("that the source does not hold fail the copy, and the tag stays as it was", () =>
    Effect.gen(function* () {
      const { source, target, copier, request, base } = yield* start();
      source.server.deleteBlob("team/app", base);
      const failure = yield* Effect.flip(copier.copy(request({ foreignLayers: "copy" })));
      expect(failure).toMatchObject({ side: "source", reason: "not-found", operation: "GET blob" });
      expect(target.server.tags("team/app")).not.toContain(one);
    }).pipe(Effect.scoped),
  );
});

describe("an index whose platforms are all wanted", () => {
  it.live("is the same with either way of keeping it", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const single = index({ children: [amd] });
      yield* pushImage(source.server.url, "team/app", "1", single);
      expect(yield* copier.copy(request({ platforms: rewrite }))).toMatchObject({ digest: single.digest });
      expect(yield* copier.copy(request({ platforms: keep }))).toMatchObject({ action: "unchanged" });
      expect(target.server.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );
});

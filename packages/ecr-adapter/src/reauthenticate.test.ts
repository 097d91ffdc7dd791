import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { connectRegistry, makeCopier } from "@drayage/oci-core";
import { image, multiPlatform, pushImage, startStrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { connected, digest, repo, tag, withAwsCredentials } from "./ecr.test-support.ts";
import type { Ecr } from "./testing/index.ts";

withAwsCredentials();
const app = repo("team/app");
const top = multiPlatform({ seed: "token" });
const tokens = (ecr: Ecr): number => ecr.calls().filter((call) => call === "GetAuthorizationToken").length;

/** An ECR with an image in it, and a client that has a token. */
const started = Effect.gen(function* () {
  const { ecr, registry } = yield* connected({ createOnPush: true });
  yield* pushImage(ecr.registry.url, "team/app", "1", top, { authorization: ecr.authorization });
  yield* registry.resolve(app, tag("1"));
  return { ecr, registry };
});

describe.each([401, 403] as const)("a token that is refused before its time, by %i", (status) => {
  it.live("is renewed once, and everything is asked again with the new one", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      const [blob] = top.children[0]?.blobs ?? [];
      if (blob === undefined) throw new Error("an image has blobs");
      const questions = [
        registry.manifest(app, tag("1")),
        registry.putManifest(app, tag("2"), top),
        Effect.flatMap(registry.startUpload(app), () => Effect.void),
        registry.referrers(app, top.digest),
        Stream.runDrain(registry.tags(app)),
        Effect.flatMap(
          registry.blob(app, { digest: blob.digest, size: blob.size, mediaType: "application/octet-stream" }),
          ({ stream }) => Effect.sync(() => stream.destroy()),
        ),
      ];
      for (const [asked, question] of questions.entries()) {
        ecr.refuseTokens(status);
        yield* question;
        expect(tokens(ecr)).toBe(asked + 2);
      }
    }).pipe(Effect.scoped),
  );

  it.live("is renewed once where HEAD is answered without words", () =>
    Effect.gen(function* () {
      const [blob] = top.children[0]?.blobs ?? [];
      if (blob === undefined) throw new Error("an image has blobs");
      for (const head of ["blob", "manifest"] as const) {
        const { ecr, registry } = yield* started;
        ecr.refuseTokens(status);
        if (head === "blob") expect(yield* registry.hasBlob(app, blob.digest)).toBe(true);
        else expect(yield* registry.resolve(app, tag("1"))).toMatchObject({ digest: top.digest });
        expect(tokens(ecr)).toBe(2);
      }
    }).pipe(Effect.scoped),
  );

  it.live("is renewed once for however many requests it fails at the same time", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      ecr.refuseTokens(status);
      yield* Effect.forEach(Array.from({ length: 20 }), () => registry.resolve(app, tag("1")), {
        concurrency: "unbounded",
      });
      expect(tokens(ecr)).toBe(2);
    }).pipe(Effect.scoped),
  );

  it.live("loses the upload that it meets, and whoever sends the blob may begin again at once", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      const bytes = Buffer.from("a layer");
      const descriptor = {
        digest: digest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`),
        size: bytes.byteLength,
        mediaType: "application/octet-stream",
      };
      const send = Effect.flatMap(registry.startUpload(app), (start) => {
        if (start._tag !== "Opened") throw new Error("nothing to mount");
        return registry.upload(app, start.location, descriptor, Readable.from([bytes]));
      });
      const start = yield* registry.startUpload(app);
      if (start._tag !== "Opened") throw new Error("nothing to mount");
      ecr.refuseTokens(status);
      const error = yield* Effect.flip(registry.upload(app, start.location, descriptor, Readable.from([bytes])));
      expect(error).toMatchObject({ reason: "upload-lost", retryable: true });
      yield* send;
      expect(ecr.registry.blob("team/app", descriptor.digest)).toBeDefined();
    }).pipe(Effect.scoped),
  );

  it.live("does no harm to a copy", () =>
    Effect.gen(function* () {
      const source = yield* startStrictRegistry({});
      const large = image({ seed: "large", layers: [4096, 4096, 4096, 4096] });
      yield* pushImage(source.url, "team/app", "3", large);
      const from = yield* connectRegistry({ name: "source", url: source.url, auth: [], traits: {} });
      const { ecr, registry } = yield* started;
      let blobs = 0;
      ecr.registry.onChange(({ what }) => {
        if (what === "blob" && ++blobs % 2 === 0) ecr.refuseTokens(status);
      });
      const copier = yield* makeCopier();
      yield* copier.copy({
        source: { registry: from, repository: app, reference: tag("3") },
        target: { registry, repository: app, tag: tag("3") },
        depth: "tag",
        referrers: "none",
      });
      expect(blobs).toBeGreaterThan(2);
      expect(ecr.registry.manifest("team/app", "3")?.digest).toBe(large.digest);
    }).pipe(Effect.scoped),
  );
});

describe("what no other token mends is not asked again", () => {
  it.live("rights that are missing", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      ecr.registry.faults.add({
        match: { path: /manifests/, times: Number.POSITIVE_INFINITY },
        action: { kind: "status", status: 403, code: "DENIED" },
      });
      for (let n = 0; n < 3; n++) {
        expect(yield* Effect.flip(registry.manifest(app, tag("1")))).toMatchObject({ reason: "denied" });
        expect(tokens(ecr)).toBe(1);
      }
      // HEAD does not say why: one new token is tried, and not one for each request.
      for (let n = 0; n < 3; n++) {
        expect(yield* Effect.flip(registry.resolve(app, tag("1")))).toMatchObject({ reason: "denied" });
        expect(tokens(ecr)).toBe(2);
      }
    }).pipe(Effect.scoped),
  );

  it.live("AWS credentials that give no token", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* connected();
      ecr.failNext("GetAuthorizationToken", "UnrecognizedClientException", 400);
      expect(yield* Effect.flip(registry.manifest(app, tag("1")))).toMatchObject({ reason: "unauthorized" });
      expect(tokens(ecr)).toBe(1);
    }).pipe(Effect.scoped),
  );
});

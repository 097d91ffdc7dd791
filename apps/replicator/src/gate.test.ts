import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cosignTag, type Digest, digestOf } from "@drayage/oci-core/model";
import { multiPlatform } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterAll, describe, expect } from "vitest";
import { replicate } from "./replicate.ts";
import { APP, small, test, type World, wordsOf } from "./replicator.test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "drayage-gate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const file = join(folder, "cosign.pub");
writeFileSync(file, pair.publicKey.export({ format: "pem", type: "spki" }));
const route = { require: { signature: { _tag: "PublicKey", files: [file] } } } as const;

/** As `cosign sign --key` does it. */
const cosignSign = ({ source }: World, subject: Digest, key: KeyObject = pair.privateKey, about = subject): void => {
  const put = (bytes: Buffer) => {
    source.putBlob(APP, bytes);
    return { digest: digestOf(bytes), size: bytes.byteLength };
  };
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "" },
        image: { "docker-manifest-digest": about },
        type: "cosign container image signature",
      },
      optional: null,
    }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const document = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...put(Buffer.from("{}")) },
    layers: [
      {
        mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
        ...put(payload),
        annotations: { "dev.cosignproject.cosign/signature": sign("sha256", payload, key).toString("base64") },
      },
    ],
  };
  const bytes = Buffer.from(JSON.stringify(document));
  source.putManifest(APP, cosignTag(subject, "sig"), { mediaType, bytes });
};
const news = (world: World, subject: Digest | undefined, position: number) =>
  world.deliveries.referrers("target", [
    { registry: "source", repository: APP, subject, position, requestedAt: new Date() },
  ]);
const image = multiPlatform({ seed: "app", layers: [64] });

describe("a route that asks for a signature", () => {
  test("copies what is signed, with its signature", { route }, function* (world) {
    yield* world.push(image, "v1");
    cosignSign(world, image.digest);
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(world.target.tags(APP).toSorted()).toEqual([cosignTag(image.digest, "sig"), "v1"]);
  });

  test("lets an unsigned image wait, and copies it when the signature comes", { route }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* world.settle)).toEqual(["waiting: signature"]);
    expect(world.target.repositories()).toEqual([]);
    expect(world.deliveries.rows()).toMatchObject([{ state: "pending", attempts: 0, gate: { subject: image.digest } }]);
    expect(world.deliveries.events()).toMatchObject([
      { _tag: "ReplicationSkipped", reason: "waiting-signature", digest: image.digest },
    ]);
    cosignSign(world, image.digest);
    expect(wordsOf(yield* world.settle)).toEqual([]);
    expect(news(world, image.digest, 2)).toBe(1);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(world.target.manifest(APP, "v1")?.digest).toBe(image.digest);
    expect(world.deliveries.rows()).toMatchObject([{ state: "idle", gate: undefined }]);
  });

  test("looks again by itself, and tells the log only once", { route }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    yield* world.settle;
    world.later(10 * 60_000);
    expect(wordsOf(yield* world.settle)).toEqual(["waiting: signature"]);
    expect(world.deliveries.events()).toHaveLength(1);
    cosignSign(world, image.digest);
    world.later(10 * 60_000);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
  });

  test("takes no signature of another key, or about another image", { route }, function* (world) {
    const [wrongKey, wrongImage] = [small("a"), small("b")];
    yield* world.push(wrongKey, "v1");
    yield* world.push(wrongImage, "v2");
    cosignSign(world, wrongKey.digest, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    cosignSign(world, wrongImage.digest, pair.privateKey, wrongKey.digest);
    world.ask(["v1", "v2"]);
    expect(wordsOf(yield* world.settle)).toEqual(["waiting: signature", "waiting: signature"]);
    expect(world.target.repositories()).toEqual([]);
    expect(world.deliveries.events().map((event) => "detail" in event && event.detail)).toEqual([
      expect.stringContaining("no public key of ours made it"),
      expect.stringContaining("it is about"),
    ]);
  });

  test("keeps what the target has while the next one is unsigned, and asks for the new digest", {
    route,
  }, function* (world) {
    const [one, two] = [small("one"), small("two")];
    yield* world.push(one, "latest");
    cosignSign(world, one.digest);
    world.ask(["latest"]);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    yield* world.push(two, "latest");
    world.ask(["latest"]);
    expect(wordsOf(yield* world.settle)).toEqual(["waiting: signature"]);
    expect(world.target.manifest(APP, "latest")?.digest).toBe(one.digest);
    cosignSign(world, two.digest);
    news(world, undefined, 9);
    expect(wordsOf(yield* world.settle)).toEqual(["copied"]);
    expect(world.target.manifest(APP, "latest")?.digest).toBe(two.digest);
  });

  test("looks at exactly what it copies: a tag that moves to an unsigned image meanwhile is not taken", {
    route,
  }, function* (world) {
    const [one, two] = [small("one"), small("two")];
    yield* world.push(one, "latest");
    cosignSign(world, one.digest);
    world.ask(["latest"]);
    let moved = false;
    const item = yield* world.claim;
    const { copier } = world.context;
    const moving: typeof copier = {
      copy: (request) => {
        const move = moved ? Effect.void : world.push(two, "latest");
        moved = true;
        return Effect.andThen(move, copier.copy(request));
      },
    };
    const { outcome } = yield* replicate({ ...world.context, copier: moving }, item);
    expect(wordsOf([outcome])).toEqual(["waiting: signature"]);
    expect(world.target.manifest(APP, "latest")?.digest).toBe(one.digest);
    expect(world.target.manifest(APP, two.digest)).toBeUndefined();
  });

  test("copies nothing where the key cannot be read, and tries for ever", {
    route: { require: { signature: { _tag: "PublicKey", files: ["/nowhere.pub"] } } },
  }, function* (world) {
    yield* world.push(image, "v1");
    world.ask(["v1"]);
    const { outcome } = yield* world.step;
    expect(outcome).toMatchObject({
      _tag: "Failed",
      event: { error: { side: "drayage", reason: "trust-unavailable", retryable: true } },
    });
    expect(world.target.repositories()).toEqual([]);
  });

  test("and whose signatures nobody can verify copies nothing", { route }, function* (world) {
    yield* world.push(image, "v1");
    cosignSign(world, image.digest);
    world.ask(["v1"]);
    const item = yield* world.claim;
    const { outcome } = yield* replicate({ ...world.context, verifierOf: undefined }, item);
    expect(wordsOf([outcome])).toEqual(["failed trust-unavailable"]);
    expect(world.target.repositories()).toEqual([]);
  });

  test("is an error of the source, and never 'unsigned', where the signatures cannot be listed", {
    route,
  }, function* (world) {
    yield* world.push(image, "v1");
    world.source.faults.add({
      match: { path: /referrers/, times: Number.POSITIVE_INFINITY },
      action: { kind: "status", status: 403 },
    });
    world.ask(["v1"]);
    expect(wordsOf([(yield* world.step).outcome])).toEqual(["failed denied"]);
  });
});

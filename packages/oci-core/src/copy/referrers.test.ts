import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import type { Digest } from "../model/brand.ts";
import { digestOf } from "../model/digest.ts";
import { referrerTag } from "../model/digest-tag.ts";
import { cosignArtefactFor, type ImageFixture, image, multiPlatform, signatureFor } from "../testing/images.ts";
import type { CopyRequest, Depth } from "./copier.ts";
import { REFERRERS_MAX } from "./limits.ts";
import { makeCopier } from "./make-copier.ts";
import {
  descriptorOf,
  indexBytes,
  type MemoryOptions,
  type MemoryRegistry,
  makeMemoryRegistry,
  repo,
  tagOf,
} from "./memory-registry.test-support.ts";

const limits = { backoffMs: 1, backoffMaxMs: 5 } as const;
const app = repo("team/app");
const one = tagOf("1");

const request = (source: MemoryRegistry, target: MemoryRegistry, depth: Depth = "tag"): CopyRequest => ({
  source: { registry: source, repository: app, reference: one },
  target: { registry: target, repository: app, tag: one },
  depth,
  referrers: "all",
});
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect);
const copyOnce = (wanted: CopyRequest) => run(Effect.flatMap(makeCopier({ limits }), (copier) => copier.copy(wanted)));
const failureOf = (wanted: CopyRequest) =>
  run(Effect.flatMap(makeCopier({ limits }), (copier) => Effect.flip(copier.copy(wanted))));

const sides = async (fixture: ImageFixture, target: MemoryOptions = {}) => {
  const source = makeMemoryRegistry({ name: "source" });
  await source.fill("team/app", "1", fixture);
  return { source, target: makeMemoryRegistry({ name: "target", ...target }) };
};
const listedAt = (registry: MemoryRegistry, subject: Digest): Promise<ReadonlyArray<Digest>> =>
  run(Effect.map(registry.referrers(app, subject), (entries) => entries.map((entry) => entry.digest)));

describe("a tag of cosign that is listed", () => {
  const fixture = multiPlatform({ seed: "app" });
  const signature = cosignArtefactFor(fixture);
  const denying = (source: MemoryRegistry): MemoryRegistry => ({
    ...source,
    resolve: (repository, reference) =>
      reference === signature.tag ? Effect.undefined : source.resolve(repository, reference),
  });

  it("is copied although a HEAD denies it", async () => {
    const { source, target } = await sides(fixture);
    await source.fill("team/app", signature.tag, signature.image);
    expect((await copyOnce(request(denying(source), target))).referrers).toBe(1);
    expect(target.repositoryOf("team/app").tags.get(signature.tag)).toBe(signature.image.digest);
  });

  it("is left out only when the registry itself says that it is gone", async () => {
    const { source, target } = await sides(fixture);
    await source.fill("team/app", signature.tag, signature.image);
    const answers = (reason: "not-found" | "invalid-response"): MemoryRegistry => ({
      ...denying(source),
      manifest: (repository, reference) =>
        reference === signature.tag ? Effect.fail(source.error(reason)) : source.manifest(repository, reference),
    });
    expect(await failureOf(request(answers("invalid-response"), target))).toMatchObject({ side: "source" });
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
    expect((await copyOnce(request(answers("not-found"), target))).referrers).toBe(0);
  });
});

describe("referrers", () => {
  it("of the image, of its platforms and of themselves are in place before the tag", async () => {
    const fixture = multiPlatform({ seed: "app" });
    const { source, target } = await sides(fixture);
    const [child] = fixture.children;
    if (child === undefined) throw new Error("no child");
    const signature = signatureFor(fixture);
    const sbom = signatureFor(child, { seed: "sbom" });
    const onSignature = signatureFor(signature, { seed: "second" });
    for (const referrer of [signature, sbom, onSignature]) await source.fill("team/app", undefined, referrer);
    const result = await copyOnce(request(source, target));
    expect(result.referrers).toBe(3);
    expect(await listedAt(target, fixture.digest)).toEqual([signature.digest]);
    expect(await listedAt(target, child.digest)).toEqual([sbom.digest]);
    expect(await listedAt(target, signature.digest)).toEqual([onSignature.digest]);
    const puts = target.calls.filter((call) => call.operation === "putManifest").map((call) => call.reference);
    expect(puts.at(-1)).toBe("1");
  });

  it("that come later are found at depth referrers, and the tag is not touched", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture);
    await target.fill("team/app", "1", fixture);
    expect((await copyOnce(request(source, target, "referrers"))).action).toBe("unchanged");
    const signature = signatureFor(fixture);
    await source.fill("team/app", undefined, signature);
    const result = await copyOnce(request(source, target, "referrers"));
    expect(result).toMatchObject({ action: "copied", referrers: 1 });
    expect(await listedAt(target, fixture.digest)).toEqual([signature.digest]);
    const again = await copyOnce(request(source, target, "referrers"));
    expect(again).toMatchObject({ action: "unchanged", referrers: 1 });
    expect((await copyOnce(request(source, target, "deep"))).action).toBe("unchanged");
  });

  it("are listed in the fallback tag where the registry does not list them, beside what is there", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture, { traits: { referrers: "tag" } });
    const own = signatureFor(fixture, { seed: "made at the target" });
    await target.fill("team/app", undefined, own);
    const bytes = indexBytes([{ ...own.descriptor }]);
    const mediaType = "application/vnd.oci.image.index.v1+json";
    await run(target.putManifest(app, referrerTag(fixture.digest), { bytes, digest: digestOf(bytes), mediaType }));
    const signature = signatureFor(fixture, { annotations: { by: "us" } });
    await source.fill("team/app", undefined, signature);
    const result = await copyOnce(request(source, target));
    expect(result.referrers).toBe(1);
    expect([...(await listedAt(target, fixture.digest))].sort()).toEqual([own.digest, signature.digest].sort());
    expect(target.dangling()).toEqual([]);
    const [, entry] = await run(target.referrers(app, fixture.digest));
    expect(entry).toMatchObject({ annotations: { by: "us" }, artifactType: signature.descriptor.artifactType });
    target.calls.length = 0;
    expect((await copyOnce(request(source, target, "referrers"))).action).toBe("unchanged");
    expect(target.count("putManifest")).toBe(0);
  });

  it("of one subject that are copied at once are all in the fallback tag", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture, { traits: { referrers: "tag" }, before: () => Effect.yieldNow });
    const signatures = Array.from({ length: 8 }, (_, n) => signatureFor(fixture, { seed: `${n}` }));
    const copier = await run(makeCopier({ limits }));
    await target.fill("team/app", "1", fixture);
    await Promise.all(
      signatures.map(async (signature, n) => {
        const apart = makeMemoryRegistry({ name: `source-${n}` });
        await apart.fill("team/app", "1", fixture);
        await apart.fill("team/app", undefined, signature);
        await run(copier.copy(request(apart, target, "referrers")));
      }),
    );
    expect(source.calls).toEqual([]);
    expect([...(await listedAt(target, fixture.digest))].sort()).toEqual(signatures.map((s) => s.digest).sort());
  });

  it("are written again when another writer replaced the fallback tag", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture, { traits: { referrers: "tag" } });
    await source.fill("team/app", undefined, signatureFor(fixture));
    const tag = referrerTag(fixture.digest);
    let stolen = false;
    const raced: MemoryRegistry = {
      ...target,
      resolve: (repository, reference) =>
        Effect.suspend(() => {
          if (reference === tag && !stolen) {
            stolen = true;
            target.repositoryOf("team/app").tags.delete(tag);
          }
          return target.resolve(repository, reference);
        }),
    };
    await copyOnce(request(source, raced));
    expect(stolen).toBe(true);
    expect(await listedAt(target, fixture.digest)).toHaveLength(1);
  });

  it("are not listed over a tag that holds an image", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture, { traits: { referrers: "tag" } });
    await source.fill("team/app", undefined, signatureFor(fixture));
    await target.fill("team/app", referrerTag(fixture.digest), fixture);
    expect(await failureOf(request(source, target))).toMatchObject({
      side: "target",
      reason: "conflict",
      retryable: false,
    });
    expect(target.repositoryOf("team/app").tags.has("1")).toBe(false);
  });

  it("whose listing is throttled are an error, and the tag stays where it was", async () => {
    const fixture = image({ seed: "app" });
    const source: MemoryRegistry = makeMemoryRegistry({
      name: "source",
      before: (call) => (call.operation === "referrers" ? Effect.fail(source.error("rate-limited")) : Effect.void),
    });
    await source.fill("team/app", "1", fixture);
    const target = makeMemoryRegistry({ name: "target" });
    expect(await failureOf(request(source, target))).toMatchObject({
      side: "source",
      reason: "rate-limited",
      retryable: true,
    });
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
  });

  it("that a listing names in a circle, or falsely, end", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture);
    const signature = signatureFor(fixture);
    const stranger = signatureFor(image({ seed: "other" }));
    for (const referrer of [signature, stranger]) await source.fill("team/app", undefined, referrer);
    const held = source.repositoryOf("team/app").manifests;
    const all = [...held.values()].map(descriptorOf);
    const lying: MemoryRegistry = {
      ...source,
      referrers: (repository, digest) => Effect.as(source.referrers(repository, digest), all),
    };
    const result = await copyOnce(request(lying, target));
    expect(result.referrers).toBe(1);
    expect(source.count("referrers")).toBe(2);
  });

  it("beyond any reason are refused", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture);
    const many = Array.from({ length: REFERRERS_MAX + 1 }, (_, n) => {
      const digest = digestOf(Buffer.from(String(n)));
      return { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 };
    });
    const wide: MemoryRegistry = { ...source, referrers: () => Effect.succeed(many) };
    expect(await failureOf(request(wide, target))).toMatchObject({ reason: "graph-too-large", retryable: false });
    let serial = 0;
    const deep: MemoryRegistry = {
      ...source,
      referrers: (_, subject) =>
        Effect.promise(async () => {
          serial += 1;
          const manifest = source.repositoryOf("team/app").manifests.get(subject);
          if (manifest === undefined) return [];
          const next = signatureFor({ descriptor: descriptorOf(manifest) }, { seed: `${serial}` });
          await source.fill("team/app", undefined, next);
          return [next.descriptor];
        }),
    };
    expect(await failureOf(request(deep, target))).toMatchObject({ reason: "graph-too-large" });
    expect(target.repositoryOf("team/app").tags.size).toBe(0);
  });
});

describe("a choice of referrers", () => {
  const SBOM = "application/spdx+json";
  const fixture = image({ seed: "app" });
  const dated = (seed: string, artifactType: string, created?: string) =>
    signatureFor(fixture, {
      seed,
      artifactType,
      ...(created === undefined ? {} : { annotations: { "org.opencontainers.image.created": created } }),
    });
  const chosen = async (
    all: ReadonlyArray<ImageFixture>,
    choice: CopyRequest["referrers"],
    change: (source: MemoryRegistry) => MemoryRegistry = (source) => source,
  ) => {
    const { source, target } = await sides(fixture);
    for (const each of all) await source.fill("team/app", undefined, each);
    const { tag, image: artefact } = cosignArtefactFor(fixture, "sig");
    await source.fill("team/app", tag, artefact);
    const result = await copyOnce({ ...request(change(source), target), referrers: choice });
    const held = target.repositoryOf("team/app").manifests;
    return { result, held: all.map(({ digest }) => held.has(digest)), cosign: held.has(artefact.digest) };
  };

  it("takes the types that are named, also among referrers of referrers, and cosign's tags by their type", async () => {
    const sbom = dated("sbom", SBOM);
    const signature = dated("signature", "application/x-signature");
    const onSbom = signatureFor(sbom, { seed: "on", artifactType: "application/x-signature" });
    const onSignature = signatureFor(signature, { seed: "over", artifactType: SBOM });
    const all = [sbom, signature, onSbom, onSignature];
    expect(await chosen(all, { artifactTypes: [SBOM] })).toMatchObject({
      held: [true, false, false, false],
      cosign: false,
      result: { referrers: 1, referrersLeft: 0 },
    });
    const cosign = "application/vnd.dev.cosign.artifact.sig.v1+json";
    expect(await chosen(all, { artifactTypes: [SBOM, cosign] })).toMatchObject({
      held: [true, false, false, false],
      cosign: true,
      result: { referrers: 2 },
    });
  });

  it("asks the artefact where a list does not say the type", async () => {
    const untyped = (source: MemoryRegistry): MemoryRegistry => ({
      ...source,
      referrers: (repository, digest) =>
        Effect.map(source.referrers(repository, digest), (entries) =>
          entries.map(({ artifactType: _, ...entry }) => entry),
        ),
    });
    const all = [dated("sbom", SBOM), dated("signature", "application/x-signature")];
    expect(await chosen(all, { artifactTypes: [SBOM] }, untyped)).toMatchObject({ held: [true, false] });
  });

  it("takes the newest of one subject where they are too many, and says how many it left", async () => {
    const all = ["2026-01-02T00:00:00Z", undefined, "2026-01-03T00:00:00Z", "no date", "2026-01-01T00:00:00Z"].map(
      (created, n) => dated(`${n}`, SBOM, created),
    );
    expect(await chosen(all, { most: 2 })).toMatchObject({
      held: [true, false, true, false, false],
      cosign: true,
      result: { referrers: 3, referrersLeft: 3 },
    });
    const { held } = await chosen(all, { most: 4 });
    expect([held[0], held[2], held[4], held.filter(Boolean).length]).toEqual([true, true, true, 4]);
  });

  it("with a bound or a type copies an image that has more of others than can be copied", async () => {
    const many = (source: MemoryRegistry): MemoryRegistry => ({
      ...source,
      referrers: (repository, subject) =>
        Effect.map(source.referrers(repository, subject), (own) =>
          subject !== fixture.digest
            ? own
            : [
                ...own,
                ...Array.from({ length: REFERRERS_MAX + 1 }, (_, n) => ({
                  mediaType: "application/vnd.oci.image.manifest.v1+json",
                  digest: digestOf(Buffer.from(String(n))),
                  size: 1,
                  artifactType: "application/x-scan",
                })),
              ],
        ),
    });
    const all = [dated("sbom", SBOM, "2026-01-01T00:00:00Z")];
    expect(await chosen(all, { artifactTypes: [SBOM] }, many)).toMatchObject({ held: [true] });
    expect(await chosen(all, { most: 1 }, many)).toMatchObject({
      held: [true],
      result: { referrersLeft: REFERRERS_MAX + 1 },
    });
  });
});

describe("cosign tags", () => {
  it("are copied as tags, after their content", async () => {
    const fixture = multiPlatform({ seed: "app" });
    const { source, target } = await sides(fixture);
    const [child] = fixture.children;
    const found = [cosignArtefactFor(fixture, "sig"), cosignArtefactFor(child ?? fixture, "att")];
    for (const { tag, image: artefact } of found) await source.fill("team/app", tag, artefact);
    const result = await copyOnce(request(source, target));
    expect(result.referrers).toBe(2);
    for (const { tag, image: artefact } of found) {
      expect(target.repositoryOf("team/app").tags.get(tag)).toBe(artefact.digest);
    }
    expect(source.count("tags")).toBe(1);
    expect(target.dangling()).toEqual([]);
  });

  it("that lost nothing are replaced, others are a conflict", async () => {
    const fixture = image({ seed: "app" });
    const { source, target } = await sides(fixture);
    const { tag, image: artefact } = cosignArtefactFor(fixture, "sig");
    await source.fill("team/app", tag, artefact);
    await target.fill("team/app", tag, image({ seed: "somebody's own signature" }));
    expect(await failureOf(request(source, target))).toMatchObject({
      side: "target",
      reason: "conflict",
      retryable: false,
    });
    expect(target.repositoryOf("team/app").tags.has("1")).toBe(false);
  });
});

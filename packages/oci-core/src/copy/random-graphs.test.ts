import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { blobsOf } from "../testing/images.ts";
import {
  type ImageFixture,
  type ImageFormat,
  image,
  index,
  manifestsOf,
  pushImage,
  signatureFor,
} from "../testing/index.ts";
import { type SideOptions, startBoth } from "./strict-sides.test-support.ts";

const format = fc.constantFrom<ImageFormat>("oci", "docker");
/** Few seeds, so that images share layers, also with the configuration of another one. */
const seed = fc.constantFrom("a", "b", "c", "d");
const leaf = fc
  .record({
    seed,
    format,
    layerSeeds: fc.array(seed, { maxLength: 4 }),
    size: fc.constantFrom(0, 1, 4096, 70_000),
    architecture: fc.constantFrom("amd64", "arm64", "s390x"),
    note: fc.string({ maxLength: 12 }),
  })
  .map(({ size, architecture, note, layerSeeds, ...rest }) =>
    image({
      ...rest,
      layerSeeds: layerSeeds.map((one) => `${one}/${size}`),
      layers: layerSeeds.map(() => size),
      platform: { os: "linux", architecture },
      ...(rest.format === "oci" ? { annotations: { note } } : {}),
    }),
  );
/** Indexes of images and of indexes, two levels deep, empty ones too; a child may stand in several. */
const graph = fc.letrec<{ leaf: ImageFixture; inner: ImageFixture; top: ImageFixture }>((tie) => ({
  leaf,
  inner: fc.oneof(
    { weight: 2, arbitrary: tie("leaf") },
    { weight: 1, arbitrary: fc.array(tie("leaf"), { maxLength: 3 }).map((children) => index({ children })) },
  ),
  top: fc.oneof(
    { weight: 1, arbitrary: tie("leaf") },
    { weight: 3, arbitrary: fc.array(tie("inner"), { maxLength: 4 }).map((children) => index({ children })) },
  ),
})).top;

/** Signatures of the top, and what signs those signatures in turn. */
const referrersOf = (top: ImageFixture, depths: ReadonlyArray<number>): ReadonlyArray<ImageFixture> =>
  depths.flatMap((depth, n) => {
    const chain: Array<ImageFixture> = [];
    for (let level = 0; level < depth; level++)
      chain.push(signatureFor(chain.at(-1) ?? top, { seed: `${n}/${level}` }));
    return chain;
  });

const side = fc
  .record({
    upload: fc.constantFrom("put" as const, "patch" as const),
    presence: fc.constantFrom("mount" as const, "head" as const),
    api: fc.boolean(),
    redirectBlobs: fc.boolean(),
    locations: fc.constantFrom("absolute" as const, "relative" as const),
  })
  .map(
    ({ upload, presence, api, redirectBlobs, locations }): SideOptions => ({
      traits: { upload, presence, referrers: api ? "api" : "tag" },
      referrers: api ? "api" : "none",
      redirectBlobs,
      locations,
    }),
  );

const copies = Effect.fnUntraced(function* (
  top: ImageFixture,
  depths: ReadonlyArray<number>,
  sides: { readonly source: SideOptions; readonly target: SideOptions },
) {
  const { source, target, copier, request } = yield* startBoth(sides);
  const referrers = sides.source.referrers === "api" ? referrersOf(top, depths) : [];
  yield* pushImage(source.server.url, "team/app", "1", top);
  for (const referrer of referrers) yield* pushImage(source.server.url, "team/app", undefined, referrer);

  const copied = yield* copier.copy(request());
  expect(copied).toMatchObject({ digest: top.digest, action: "copied" });
  expect(target.server.manifest("team/app", "1")?.digest).toBe(top.digest);
  for (const { digest, bytes, mediaType } of [top, ...referrers].flatMap(manifestsOf)) {
    const held = target.server.manifest("team/app", digest);
    expect(held?.mediaType).toBe(mediaType);
    expect(Buffer.compare(Buffer.from(held?.bytes ?? ""), bytes)).toBe(0);
  }
  const blobs = [top, ...referrers].flatMap(blobsOf);
  expect(target.server.blobs("team/app")).toEqual(expect.arrayContaining(blobs.map(({ digest }) => digest)));
  expect(target.server.danglingReferences()).toEqual([]);
  expect(target.server.openUploads()).toBe(0);

  expect(yield* copier.copy(request({ depth: "deep" }))).toMatchObject({ action: "unchanged" });
}, Effect.scoped);

describe("any graph", () => {
  it.live(
    "of indexes, images, blobs and referrers arrives byte by byte, and copying it again changes nothing",
    () =>
      Effect.promise(async () => {
        await fc.assert(
          fc.asyncProperty(
            graph,
            fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
            side,
            side,
            (top, depths, source, target) => Effect.runPromise(copies(top, depths, { source, target })),
          ),
          { numRuns: 120 },
        );
      }),
    120_000,
  );
});

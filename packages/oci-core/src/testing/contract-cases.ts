import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { type RepositoryName, referrerTag } from "../model/index.ts";
import type { RegistryError } from "../registry/errors.ts";
import {
  ABSENT,
  byDigest,
  bytesOf,
  type ContractSubject,
  children,
  described,
  failsWith,
  plainBlob,
  plainManifest,
  push,
  repositoryName,
  tag,
  upload,
} from "./contract-support.ts";
import { cosignArtefactFor, type ImageFixture, image, index, multiPlatform, signatureFor } from "./images.ts";
import { layer } from "./layers.ts";
import type { PushError } from "./push-image.ts";

export type ContractCase = (
  subject: ContractSubject,
  repository: RepositoryName,
) => Effect.Effect<void, RegistryError | PushError>;

/** One fixture of each shape and family of manifests. */
const FIXTURES: Readonly<Record<string, () => ImageFixture>> = {
  "an OCI image": () => image({ seed: "contract/oci", annotations: { "org.example.note": 'ä, "quoted"' } }),
  "a Docker image": () => image({ seed: "contract/docker", format: "docker" }),
  "an OCI index": () => multiPlatform({ seed: "contract/index" }),
  "a Docker list": () => multiPlatform({ seed: "contract/list", format: "docker" }),
  "a nested index": () =>
    index({ children: [multiPlatform({ seed: "contract/nested" }), image({ seed: "contract/leaf" })] }),
  "an empty index": () => index({ children: [] }),
  "a mixed index": () =>
    index({ children: [image({ seed: "contract/mixed", format: "docker" }), image({ seed: "contract/mixed" })] }),
  "an artefact with subject": () => signatureFor(image({ seed: "contract/absent subject" })),
  "a cosign image": () => cosignArtefactFor(image({ seed: "contract/oci" })).image,
};

const manifestCases = Object.fromEntries(
  Object.entries(FIXTURES).flatMap(
    ([what, build]): ReadonlyArray<readonly [string, ContractCase]> => [
      [`puts ${what} byte by byte`, (subject, repository) => putsManifest(subject, repository, build())],
      [`gets ${what} byte by byte`, (subject, repository) => getsManifest(subject, repository, build())],
    ],
  ),
);

const putsManifest = (subject: ContractSubject, repository: RepositoryName, fixture: ImageFixture) =>
  Effect.gen(function* () {
    // By digest over plain HTTP, so that all content is there; the tag is what the client adds.
    yield* push(subject, repository, undefined, fixture);
    yield* subject.registry.putManifest(repository, tag("put"), fixture);
    const plain = yield* plainManifest(subject, repository, "put");
    deepStrictEqual(plain, { mediaType: fixture.mediaType, bytes: Buffer.from(fixture.bytes) });
  });

const getsManifest = ({ registry, ...subject }: ContractSubject, repository: RepositoryName, fixture: ImageFixture) =>
  Effect.gen(function* () {
    yield* push(subject, repository, "get", fixture);
    const expected = { digest: fixture.digest, mediaType: fixture.mediaType, size: fixture.bytes.byteLength };
    for (const reference of [tag("get"), fixture.digest]) {
      const manifest = yield* registry.manifest(repository, reference);
      deepStrictEqual(Buffer.from(manifest.bytes), Buffer.from(fixture.bytes));
      deepStrictEqual([manifest.digest, manifest.mediaType], [fixture.digest, fixture.mediaType]);
      deepStrictEqual(
        children(manifest),
        fixture.children.map((child) => child.digest),
      );
      deepStrictEqual(yield* registry.resolve(repository, reference), expected);
    }
  });

/** Each case by the sentence that it proves. */
export const CONTRACT: Readonly<Record<string, ContractCase>> = {
  ...manifestCases,

  "resolves to nothing what is not there": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      yield* push(subject, repository, "there", image({ seed: "contract/there" }));
      strictEqual(yield* registry.resolve(repository, tag("absent")), undefined);
      strictEqual(yield* registry.resolve(repository, ABSENT), undefined);
      strictEqual(yield* registry.resolve(repositoryName(`${repository}/absent`), tag("there")), undefined);
    }),

  "names the reason when a manifest cannot be had": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      yield* push(subject, repository, "there", image({ seed: "contract/there" }));
      yield* failsWith(registry.manifest(repository, tag("absent")), "not-found");
      yield* failsWith(registry.manifest(repository, ABSENT), "not-found");
      // docker-registry does not tell a missing repository from a missing manifest.
      const missing = registry.manifest(repositoryName(`${repository}/absent`), tag("there"));
      yield* failsWith(missing, "repository-unknown", "not-found");
    }),

  "says so when a manifest comes before its content": ({ registry }, repository) =>
    failsWith(registry.putManifest(repository, tag("early"), image({ seed: "contract/early" })), "content-missing"),

  "moves a tag": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      const [before, after] = [image({ seed: "contract/before" }), image({ seed: "contract/after" })];
      yield* push(subject, repository, "moving", before);
      yield* push(subject, repository, undefined, after);
      yield* registry.putManifest(repository, tag("moving"), after);
      strictEqual((yield* registry.resolve(repository, tag("moving")))?.digest, after.digest);
      strictEqual((yield* registry.resolve(repository, before.digest))?.digest, before.digest);
    }),

  "answers what a tag has, whatever was known of it": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      const [before, after] = [image({ seed: "contract/known" }), image({ seed: "contract/unknown" })];
      yield* push(subject, repository, "known", before);
      const known = yield* registry.resolve(repository, tag("known"));
      deepStrictEqual(yield* registry.resolve(repository, tag("known"), known), known);
      yield* push(subject, repository, "known", after);
      strictEqual((yield* registry.resolve(repository, tag("known"), known))?.digest, after.digest);
      strictEqual(yield* registry.resolve(repository, tag("absent"), known), undefined);
      strictEqual((yield* registry.resolve(repository, before.digest, known))?.digest, before.digest);
    }),

  "uploads blobs from bytes and from a stream": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      for (const size of [0, 1, 70_000, 3_000_000]) {
        const blob = layer(`contract/blob-${size}`, size);
        strictEqual(yield* registry.hasBlob(repository, blob.digest), false);
        const body = size === 70_000 ? Buffer.concat(yield* Effect.promise(() => blob.open().toArray())) : blob.open();
        yield* upload(registry, repository, blob, size === 0 ? new Uint8Array(0) : body);
        strictEqual(yield* registry.hasBlob(repository, blob.digest), true);
        deepStrictEqual(yield* plainBlob(subject, repository, blob.digest), yield* bytesOf(blob));
      }
    }),

  "never commits bytes that are not those of the digest": ({ registry }, repository) =>
    Effect.gen(function* () {
      const promised = layer("contract/promised", 5000);
      const wrong = upload(registry, repository, promised, yield* bytesOf(layer("contract/delivered", 5000)));
      yield* failsWith(wrong, "digest-mismatch", "invalid-request", "upload-lost");
      strictEqual(yield* registry.hasBlob(repository, promised.digest), false);
    }),

  "reads a blob from any byte on": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      const fixture = image({ seed: "contract/range", layers: [200_000, 0] });
      yield* push(subject, repository, "range", fixture);
      for (const blob of fixture.blobs) {
        const whole = yield* bytesOf(blob);
        for (const from of blob.size === 0 ? [undefined] : [undefined, 0, 1, blob.size - 1]) {
          const part = whole.subarray(from ?? 0);
          const body = yield* registry.blob(repository, { ...blob, mediaType: "application/octet-stream" }, from);
          deepStrictEqual(yield* Effect.promise(() => buffer(body.stream)), part);
          strictEqual(body.size, part.byteLength);
        }
      }
    }),

  "says that a blob is absent": ({ registry }, repository) =>
    failsWith(
      registry.blob(repository, { digest: ABSENT, size: 1, mediaType: "application/octet-stream" }),
      "not-found",
      "repository-unknown",
    ),

  "mounts a blob of another repository": ({ registry, capabilities, ...subject }, repository) =>
    Effect.gen(function* () {
      const [from, to] = [repositoryName(`${repository}/from`), repositoryName(`${repository}/to`)];
      const blob = layer("contract/mount", 4000);
      yield* push(
        subject,
        from,
        "mount",
        image({ seed: "contract/mount", layerSeeds: ["contract/mount"], layers: [4000] }),
      );
      const start = yield* registry.startUpload(to, { digest: blob.digest, from });
      strictEqual(start._tag, capabilities.mounts ? "Mounted" : "Opened");
      if (start._tag === "Opened") yield* registry.upload(to, start.location, described(blob), yield* bytesOf(blob));
      strictEqual(yield* registry.hasBlob(to, blob.digest), true);
    }),

  "opens an upload when there is nothing to mount": ({ registry }, repository) =>
    Effect.gen(function* () {
      const start = yield* registry.startUpload(repository, {
        digest: ABSENT,
        from: repositoryName(`${repository}/absent`),
      });
      if (start._tag === "Mounted") throw new Error("mounted a blob that does not exist");
      const blob = layer("contract/no mount", 3000);
      yield* registry.upload(repository, start.location, described(blob), yield* bytesOf(blob));
      strictEqual(yield* registry.hasBlob(repository, blob.digest), true);
    }),

  "cancels an upload": ({ registry }, repository) =>
    Effect.gen(function* () {
      const start = yield* registry.startUpload(repository);
      if (start._tag === "Mounted") throw new Error("mounted without being asked");
      yield* registry.cancelUpload(repository, start.location);
      const blob = layer("contract/cancelled", 3000);
      const late = registry.upload(repository, start.location, described(blob), yield* bytesOf(blob));
      yield* failsWith(late, "upload-lost", "invalid-request");
      // A second time, and for an upload that never was: no error.
      yield* registry.cancelUpload(repository, start.location);
    }),

  "lists tags to the last page": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 25 }, (_, n) => `v${n}.${(n * 7) % 5}`);
      const fixture = image({ seed: "contract/tags" });
      for (const name of names) yield* push(subject, repository, name, fixture);
      const pages = yield* Stream.runCollect(registry.tags(repository));
      deepStrictEqual(pages.flat().map(String).sort(), names.sort());
      yield* failsWith(Stream.runDrain(registry.tags(repositoryName(`${repository}/absent`))), "repository-unknown");
    }),

  "lists repositories, or says that it cannot": ({ registry, capabilities, ...subject }, repository) =>
    Effect.gen(function* () {
      yield* push(subject, repository, "listed", image({ seed: "contract/catalog" }));
      const listing = Stream.runCollect(registry.repositories());
      if (!capabilities.catalog) return yield* failsWith(listing, "unsupported", "denied", "not-found");
      ok((yield* listing).flat().includes(repository));
    }),

  "finds the referrers of a digest": ({ registry, capabilities, ...subject }, repository) =>
    Effect.gen(function* () {
      const subjectImage = multiPlatform({ seed: "contract/subject" });
      yield* push(subject, repository, "subject", subjectImage);
      deepStrictEqual(yield* registry.referrers(repository, subjectImage.digest), []);
      const signature = signatureFor(subjectImage, { annotations: { "org.example.by": "contract" } });
      const sbom = signatureFor(subjectImage, { artifactType: "application/spdx+json" });
      for (const artefact of [signature, sbom]) {
        yield* push(subject, repository, undefined, artefact);
        const { subjectAccepted } = yield* registry.putManifest(repository, artefact.digest, artefact);
        strictEqual(subjectAccepted, capabilities.referrersApi);
      }
      const fallback = index({ children: [signature, sbom] });
      if (!capabilities.referrersApi) yield* push(subject, repository, referrerTag(subjectImage.digest), fallback);
      const found = yield* registry.referrers(repository, subjectImage.digest);
      const told = found.map(({ digest, size, artifactType }) => ({ digest, size, artifactType }));
      const expected = [signature, sbom].map(({ descriptor: { digest, size, artifactType } }) => ({
        digest,
        size,
        artifactType,
      }));
      deepStrictEqual(told.sort(byDigest), expected.sort(byDigest));
      const annotated = found.find(({ digest }) => digest === signature.digest);
      deepStrictEqual(annotated?.annotations, { "org.example.by": "contract" });
    }),

  "deletes what its traits say": ({ registry, ...subject }, repository) =>
    Effect.gen(function* () {
      const fixture = image({ seed: "contract/delete" });
      for (const name of ["gone", "other"]) yield* push(subject, repository, name, fixture);
      const { tagDelete } = registry.traits;
      if (tagDelete === "none")
        return yield* failsWith(registry.deleteManifest(repository, fixture.digest), "unsupported");
      if (tagDelete === "tag") {
        strictEqual(yield* registry.deleteManifest(repository, tag("gone")), true);
        strictEqual((yield* registry.resolve(repository, tag("other")))?.digest, fixture.digest);
        strictEqual(yield* registry.deleteManifest(repository, tag("gone")), false);
      } else {
        yield* failsWith(registry.deleteManifest(repository, tag("gone")), "unsupported");
        strictEqual(yield* registry.deleteManifest(repository, fixture.digest), true);
        strictEqual(yield* registry.resolve(repository, tag("other")), undefined);
        strictEqual(yield* registry.deleteManifest(repository, fixture.digest), false);
      }
      strictEqual(yield* registry.resolve(repository, tag("gone")), undefined);
    }),
};

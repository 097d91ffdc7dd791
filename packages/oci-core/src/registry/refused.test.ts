import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import { failureOf, type Reply, withRegistry } from "./scripted-server.test-support.ts";

const REPOSITORY = parseRepositoryName("team/old") ?? expect.unreachable();
const TAG = parseTag("1") ?? expect.unreachable();
const manifest = (mediaType: string, document: object): Reply => ({
  status: 200,
  headers: { "content-type": mediaType },
  body: JSON.stringify(document),
});

it.each<[string, Reply, string, RegExp]>([
  [
    "Docker schema 1, signed",
    manifest("application/vnd.docker.distribution.manifest.v1+prettyjws", { schemaVersion: 1, fsLayers: [] }),
    "manifest-refused",
    /schema 1.*push the image again/,
  ],
  [
    "Docker schema 1 under another name",
    manifest("application/vnd.oci.image.manifest.v1+json", { schemaVersion: 1, fsLayers: [], history: [] }),
    "manifest-refused",
    /schema 1.*push the image again/,
  ],
  [
    "the removed artifact manifest",
    manifest("application/vnd.oci.artifact.manifest.v1+json", { artifactType: "x/y", blobs: [] }),
    "manifest-refused",
    /no image: push it again/,
  ],
  [
    "a registry of Docker's first API",
    { status: 404, headers: { "x-docker-registry-version": "0.9.1" }, body: "Not Found" },
    "unsupported",
    /V1.*move them/,
  ],
  [
    "a repository of another format",
    { status: 404, headers: { "content-type": "text/html" }, body: "<h1>Not Found</h1>" },
    "invalid-response",
    /Not Found/,
  ],
])("%s is refused for good, with what to do", async (_name, reply, reason, detail) => {
  await withRegistry(
    () => reply,
    (registry) =>
      Effect.map(failureOf(registry.manifest(REPOSITORY, TAG)), (error) => {
        expect(error).toMatchObject({ reason, detail: expect.stringMatching(detail) });
        if (reason !== "invalid-response") {
          expect(error.retryable).toBe(false);
          expect(error.detail).toContain("docs/reference/refused.md");
        }
      }),
  );
});

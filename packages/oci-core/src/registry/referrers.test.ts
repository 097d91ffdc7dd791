import * as Effect from "effect/Effect";
import * as TestClock from "effect/testing/TestClock";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { referrerTag } from "../model/digest-tag.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { parseRepositoryName } from "../model/names.ts";
import type { RegistryReason } from "./errors.ts";
import type { Registry } from "./registry.ts";
import { errorBody, failureOf, type Reply, type Script, withRegistry } from "./scripted-server.test-support.ts";

const name = (text: string) => parseRepositoryName(text) ?? expect.unreachable();
const WEB = name("team/web");
const SUBJECT = digestOf(Buffer.from("image"));
const A = digestOf(Buffer.from("a"));
const B = digestOf(Buffer.from("b"));
const index = (...digests: string[]): Reply => ({
  status: 200,
  headers: { "content-type": `${MEDIA_TYPES.ociIndex}; charset=utf-8` },
  body: JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: digests.map((digest) => ({
      mediaType: MEDIA_TYPES.ociManifest,
      digest,
      size: 7,
      artifactType: "application/x",
    })),
  }),
});
const API = `/v2/team/web/referrers/${SUBJECT}`;
const TAG = `/v2/team/web/manifests/${referrerTag(SUBJECT)}`;
const missingApi: Reply = { status: 404, headers: { "content-type": "text/plain" }, body: "404 page not found" };
const noTag: Reply = { status: 404, body: errorBody("MANIFEST_UNKNOWN") };
const gives =
  (...expected: string[]) =>
  (registry: Registry) =>
    Effect.map(registry.referrers(WEB, SUBJECT), (found) =>
      expect(found.map(({ digest }) => digest)).toEqual(expected),
    );
const fails = (reason: RegistryReason) => (registry: Registry) =>
  Effect.map(failureOf(registry.referrers(WEB, SUBJECT)), (error) => expect(error.reason).toBe(reason));
/** An API that is missing, and this under the fallback tag. */
const byTag =
  (reply: Reply): Script =>
  ({ path }) =>
    path.includes("/referrers/") ? missingApi : reply;

describe("by API", () => {
  it("gives the descriptors, page by page", async () => {
    const script: Script = ({ path }) =>
      path.includes("page=2")
        ? index(B)
        : { ...index(A), headers: { ...index().headers, link: `<${API}?page=2>; rel="next"` } };
    const seen = await withRegistry(script, gives(A, B));
    expect(seen.map(({ path }) => path)).toEqual([API, `${API}?page=2`]);
  });
  it("an empty list is none, and no tag is asked for", async () => {
    expect(await withRegistry(() => index(), gives())).toHaveLength(1);
  });
  it.each([
    [{ status: 429, headers: { "retry-after": "0" } }, "rate-limited"],
    [{ status: 403 }, "denied"],
    [{ status: 400 }, "invalid-request"],
    [{ status: 200, body: "<html>" }, "invalid-response"],
    [{ status: 200, body: "{}" }, "invalid-response"],
    [{ ...index(A), headers: { link: '<http://evil.example.com/>; rel="next"' } }, "unsafe-location"],
  ] as const)("%j is an error, never none", async (reply, reason) => {
    await withRegistry(() => reply, fails(reason));
  });
});

describe("a 404 of the API", () => {
  it.each([
    [missingApi, "invalid-response"],
    [{ status: 404, body: errorBody("NAME_UNKNOWN") }, "repository-unknown"],
  ] as const)("is an error where the traits vouch for it: %j", async (reply, reason) => {
    const seen = await withRegistry(() => reply, fails(reason), { traits: { referrers: "api" } });
    expect(seen.map(({ path }) => path)).toEqual([API]);
  });
  it("is an error once it has answered, so that a proxy cannot hide a signature", async () => {
    const script: Script = ({ path }, _response, nth) =>
      path.includes("/referrers/") ? (nth === 1 ? missingApi : index(A)) : noTag;
    const seen = await withRegistry(script, (registry) =>
      gives(A)(registry).pipe(Effect.andThen(fails("invalid-response")(registry)), Effect.andThen(gives(A)(registry))),
    );
    expect(seen).toHaveLength(3);
  });
  it("is an error on a later page, where half a list would be given else", async () => {
    const script: Script = ({ path }) =>
      path.includes("page=2")
        ? missingApi
        : { ...index(A), headers: { ...index().headers, link: `<${API}?page=2>; rel="next"` } };
    await withRegistry(script, fails("invalid-response"));
  });
  it("is forgotten after an hour, since a registry may be upgraded", async () => {
    let upgraded = false;
    const script: Script = ({ path }) => (path.includes("/referrers/") ? (upgraded ? index(B) : missingApi) : index(A));
    await withRegistry(script, (registry) =>
      Effect.gen(function* () {
        yield* gives(A)(registry);
        upgraded = true;
        yield* gives(A)(registry);
        yield* TestClock.adjust("61 minutes");
        yield* gives(B)(registry);
      }).pipe(Effect.provide(TestClock.layer())),
    );
  });
});

describe("by fallback tag", () => {
  it("where the API is missing, which is remembered for the whole registry", async () => {
    const seen = await withRegistry(byTag(index(A)), (registry) =>
      gives(A)(registry).pipe(
        Effect.andThen(gives(A)(registry)),
        Effect.andThen(registry.referrers(name("other"), SUBJECT)),
      ),
    );
    expect(seen.filter(({ path }) => path.includes("/referrers/"))).toHaveLength(1);
    expect(seen.map(({ path }) => path).slice(0, 3)).toEqual([API, TAG, TAG]);
  });
  it("for each repository key apart where the registry has keys", async () => {
    const seen = await withRegistry(
      byTag(noTag),
      (registry) =>
        Effect.all([
          registry.referrers(name("key1/a"), SUBJECT),
          registry.referrers(name("key1/b"), SUBJECT),
          registry.referrers(name("key2/a"), SUBJECT),
        ]),
      { traits: { repositoryKey: true } },
    );
    expect(seen.filter(({ path }) => path.includes("/referrers/"))).toHaveLength(2);
  });
  it("a 404 with a code of the registry concerns one repository and is not remembered", async () => {
    const script: Script = ({ path }) =>
      path.includes("/referrers/") ? { status: 404, body: errorBody("NAME_UNKNOWN") } : noTag;
    const seen = await withRegistry(script, (registry) => Effect.andThen(gives()(registry), gives()(registry)));
    expect(seen).toHaveLength(4);
  });
  it("only, where the traits say so", async () => {
    const seen = await withRegistry(() => index(A), gives(A), { traits: { referrers: "tag" } });
    expect(seen.map(({ path }) => path)).toEqual([TAG]);
  });
  it("no such tag, or no such repository, is none", async () => {
    await withRegistry(byTag(noTag), gives());
    await withRegistry(byTag({ status: 404, body: errorBody("NAME_UNKNOWN") }), gives());
  });
  it("an image under the tag is not a list (GitLab answers with the image itself)", async () => {
    const config = { mediaType: MEDIA_TYPES.ociConfig, digest: A, size: 1 };
    const image = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [] });
    await withRegistry(
      byTag({ status: 200, headers: { "content-type": MEDIA_TYPES.ociManifest }, body: image }),
      gives(),
    );
  });
  it("an index that is the subject itself is not a list of its referrers", async () => {
    const { body = "" } = index(A, B);
    const subject = digestOf(Buffer.from(body));
    await withRegistry(byTag(index(A, B)), (registry) =>
      Effect.map(registry.referrers(WEB, subject), (found) => expect(found).toEqual([])),
    );
  });
  it.each([
    [missingApi, "invalid-response"],
    [{ status: 429, headers: { "retry-after": "0" } }, "rate-limited"],
    [{ status: 403 }, "denied"],
  ] as const)("%j is an error, never none", async (reply, reason) => {
    await withRegistry(byTag(reply), fails(reason));
  });
});

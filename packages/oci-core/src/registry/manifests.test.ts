import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import type { Digest, Tag } from "../model/brand.ts";
import { digestOf } from "../model/digest.ts";
import { MANIFEST_ACCEPT, MEDIA_TYPES } from "../model/media-types.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import { MANIFEST_BYTES_MAX } from "../model/parse-manifest.ts";
import { connectRegistry } from "./client.ts";
import type { RegistryError, RegistryReason } from "./errors.ts";
import type { Registry } from "./registry.ts";
import {
  errorBody,
  failureOf,
  type Reply,
  type Script,
  startServer,
  withRegistry,
} from "./scripted-server.test-support.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const LATEST: Tag = parseTag("latest") ?? expect.unreachable();
const GONE: Tag = parseTag("gone") ?? expect.unreachable();
const BYTES = Buffer.from(`{ "schemaVersion":2, "mediaType":"${MEDIA_TYPES.ociIndex}", "manifests": [] }`);
const DIGEST = digestOf(BYTES);
const OTHER = digestOf(Buffer.from("other"));
const found = (headers: Record<string, string> = {}): Reply => ({
  status: 200,
  headers: {
    "content-type": MEDIA_TYPES.ociIndex,
    "docker-content-digest": DIGEST,
    "content-length": String(BYTES.length),
    ...headers,
  },
  body: BYTES,
});
const { "docker-content-digest": _digest, ...withoutDigest } = found().headers as Record<string, string>;

const failsWith = (
  script: Script,
  run: (registry: Registry) => Effect.Effect<unknown, RegistryError>,
  reason: RegistryReason,
) =>
  withRegistry(script, (registry) =>
    Effect.map(failureOf(run(registry)), (error) => expect(error.reason).toBe(reason)),
  );

describe("resolve", () => {
  const resolve = (reference: Tag | Digest) => (registry: Registry) => registry.resolve(WEB, reference);
  const check = (reference: Tag | Digest, expected: unknown) => (registry: Registry) =>
    Effect.map(registry.resolve(WEB, reference), (resolved) => expect(resolved).toEqual(expected));
  const answer = { digest: DIGEST, mediaType: MEDIA_TYPES.ociIndex, size: BYTES.length };

  it("is one HEAD with every manifest type in Accept", async () => {
    const seen = await withRegistry(() => found(), check(LATEST, answer));
    expect(seen).toMatchObject([
      {
        method: "HEAD",
        path: "/v2/team/web/manifests/latest",
        headers: { accept: MANIFEST_ACCEPT, "accept-encoding": "identity" },
      },
    ]);
  });
  it("asks again with GET where HEAD leaves something open", async () => {
    const open: Reply[] = [
      { ...found(), headers: withoutDigest },
      found({ "docker-content-digest": "md5:1" }),
      found({ "content-type": "application/json" }),
      { status: 405 },
    ];
    for (const head of open) {
      const seen = await withRegistry(({ method }) => (method === "HEAD" ? head : found()), check(LATEST, answer));
      expect(seen.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
    }
  });
  it("asks again with GET where the header contradicts the digest that was asked for", async () => {
    await withRegistry(
      ({ method }) => found(method === "HEAD" ? { "docker-content-digest": OTHER } : {}),
      check(DIGEST, answer),
    );
  });
  it("404 is absent", async () => {
    await withRegistry(() => ({ status: 404 }), check(LATEST, undefined));
    await withRegistry(
      ({ method }) => (method === "HEAD" ? { status: 405 } : { status: 404, body: errorBody("NAME_UNKNOWN") }),
      check(LATEST, undefined),
    );
  });
  it.each([
    [403, "denied"],
    [401, "unauthorized"],
    [400, "invalid-request"],
    [302, "invalid-response"],
  ] as const)("%i is %s", async (status, reason) => {
    await failsWith(() => ({ status }), resolve(LATEST), reason);
  });
  it("hiccups are repeated", async () => {
    const seen = await withRegistry(
      (_request, _response, index) =>
        index === 0 ? { status: 503 } : index === 1 ? { status: 429, headers: { "retry-after": "0" } } : found(),
      check(LATEST, answer),
    );
    expect(seen).toHaveLength(3);
  });
  it("a broken connection is repeated, then network", async () => {
    const script: Script = (_request, response) => {
      response.destroy();
      return undefined;
    };
    await failsWith(script, resolve(LATEST), "network");
  });
  it("keeps its connection over many HEADs", async () => {
    const sockets = new Set<unknown>();
    const script: Script = (_request, response) => {
      sockets.add(response.socket);
      return found();
    };
    await withRegistry(script, (registry) => Effect.repeat(resolve(LATEST)(registry), { times: 20 }));
    // undici may open a second one when the next request comes before it has noted the end of the last.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });
});

describe("manifest", () => {
  const get = (reference: Tag | Digest) => (registry: Registry) => registry.manifest(WEB, reference);
  it("gives the bytes as they came", async () => {
    await withRegistry(
      () => found(),
      (registry) =>
        Effect.map(registry.manifest(WEB, DIGEST), (manifest) => {
          expect(Buffer.from(manifest.bytes).equals(BYTES)).toBe(true);
          expect(manifest).toMatchObject({ _tag: "Index", digest: DIGEST, mediaType: MEDIA_TYPES.ociIndex });
        }),
    );
  });
  it("by tag hashes itself and ignores a wrong header", async () => {
    await withRegistry(
      () => found({ "docker-content-digest": OTHER }),
      (registry) => Effect.map(registry.manifest(WEB, LATEST), (manifest) => expect(manifest.digest).toBe(DIGEST)),
    );
  });
  it("by sha512 keeps that digest", async () => {
    const sha512 = digestOf(BYTES, "sha512");
    await withRegistry(
      () => found(),
      (registry) => Effect.map(registry.manifest(WEB, sha512), (manifest) => expect(manifest.digest).toBe(sha512)),
    );
  });
  it("by digest refuses other bytes", async () => {
    await failsWith(() => found(), get(OTHER), "digest-mismatch");
  });
  it.each([
    ["MANIFEST_UNKNOWN", "not-found"],
    ["NAME_UNKNOWN", "repository-unknown"],
    ["NOT_FOUND", "repository-unknown"],
  ] as const)("404 %s is %s", async (code, reason) => {
    await failsWith(() => ({ status: 404, body: errorBody(code) }), get(LATEST), reason);
  });
  it.each(["", "404 page not found", "<html><body>gone</body></html>", "{}", '{"message":"Not Found"}', "[1]", "null"])(
    "404 with the body %j is no absence",
    async (body) => {
      await failsWith(() => ({ status: 404, body }), get(LATEST), "invalid-response");
    },
  );
  it("200 with HTML is an odd answer, what can never be copied is refused", async () => {
    await failsWith(
      () => ({ status: 200, headers: { "content-type": "text/html" }, body: "<html>" }),
      get(LATEST),
      "invalid-response",
    );
    await failsWith(
      () => ({ ...found(), headers: { "content-type": MEDIA_TYPES.dockerSchema1Signed } }),
      get(LATEST),
      "manifest-refused",
    );
    await failsWith(
      () => ({ ...found(), headers: { "content-type": MEDIA_TYPES.ociManifest } }),
      get(LATEST),
      "manifest-refused",
    );
  });
  it("stops reading at the limit", async () => {
    await failsWith(() => ({ status: 200, body: new Uint8Array(MANIFEST_BYTES_MAX + 1) }), get(LATEST), "too-large");
  });
  it("a cut body is network", async () => {
    const script: Script = (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
      return undefined;
    };
    await failsWith(script, get(LATEST), "network");
  });
  it("redirects are followed, but never into our own network", async () => {
    await withRegistry(
      ({ path }) =>
        path.includes("moved") ? found() : { status: 307, headers: { location: "/v2/moved/manifests/latest" } },
      get(LATEST),
    );
    await failsWith(
      () => ({ status: 307, headers: { location: "http://169.254.169.254/x" } }),
      get(LATEST),
      "unsafe-location",
    );
  });
  it("to another host carry no credentials, and what that host says is no proof of absence (registry.k8s.io)", async () => {
    const elsewhere: Array<string | undefined> = [];
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const other = yield* startServer(({ path, headers }) => {
            elsewhere.push(headers.authorization);
            return path.includes("gone") ? { status: 404, body: errorBody("MANIFEST_UNKNOWN") } : found();
          });
          const main = yield* startServer(({ path }) =>
            path === "/v2/"
              ? { status: 200 }
              : { status: 307, headers: { location: new URL(path.replace("/v2/", "/v2/there/"), other.url).href } },
          );
          const auth = [{ _tag: "Basic" as const, username: "u", password: Redacted.make("p") }];
          const registry = yield* connectRegistry({ name: "lab", url: main.url, auth });
          expect((yield* registry.manifest(WEB, LATEST)).mediaType).toBe(MEDIA_TYPES.ociIndex);
          expect(main.seen.at(-1)?.headers.authorization).toMatch(/^Basic /);
          const absent = yield* failureOf(registry.manifest(WEB, GONE));
          expect(absent.reason).toBe("invalid-response");
        }),
      ),
    );
    expect(elsewhere).toEqual([undefined, undefined]);
  });
  it("an error carries status, code, wait, request id and one bounded line", async () => {
    const message = `much\n\n text at https://s/x?sig=secret ${"x".repeat(1000)}`;
    const script: Script = () => ({
      status: 429,
      headers: { "retry-after": "120", "x-request-id": "r1" },
      body: errorBody("TOOMANYREQUESTS", message),
    });
    const seen = await withRegistry(script, (registry) =>
      Effect.map(failureOf(registry.manifest(WEB, LATEST)), (error) => {
        expect(error).toMatchObject({
          registry: "lab",
          operation: "GET manifest",
          reference: "team/web:latest",
          reason: "rate-limited",
          status: 429,
          code: "TOOMANYREQUESTS",
          retryAfterMs: 120_000,
          requestId: "r1",
        });
        expect(error.detail).toHaveLength(500);
        expect(error.detail).toMatch(/^much text at https:\/\/s\/x\?… x/);
      }),
    );
    expect(seen).toHaveLength(1); // more than a minute is for the caller to wait
  });
});

describe("putManifest", () => {
  const manifest = { bytes: BYTES, mediaType: MEDIA_TYPES.ociIndex, digest: DIGEST };
  const put = (registry: Registry) => registry.putManifest(WEB, LATEST, manifest);
  it("sends the very bytes with their type", async () => {
    const seen = await withRegistry(
      () => ({ status: 201, headers: { "docker-content-digest": DIGEST } }),
      (registry) =>
        Effect.map(put(registry), (result) => expect(result).toEqual({ subjectAccepted: false, named: true })),
    );
    expect(seen).toMatchObject([
      {
        method: "PUT",
        path: "/v2/team/web/manifests/latest",
        headers: { "content-type": MEDIA_TYPES.ociIndex, "content-length": String(BYTES.length) },
      },
    ]);
    expect(seen[0]?.body.equals(BYTES)).toBe(true);
  });
  it("tells that the registry keeps referrers", async () => {
    await withRegistry(
      () => ({ status: 201, headers: { "oci-subject": OTHER } }),
      (registry) => Effect.map(put(registry), (result) => expect(result.subjectAccepted).toBe(true)),
    );
  });
  it("fails if the registry stored something else", async () => {
    await failsWith(() => ({ status: 201, headers: { "docker-content-digest": OTHER } }), put, "digest-mismatch");
  });
  it.each([
    [{ status: 202 }, "invalid-response"],
    [{ status: 200, headers: { "content-type": "text/html" }, body: "<html>" }, "invalid-response"],
    [{ status: 404, body: errorBody("MANIFEST_UNKNOWN") }, "content-missing"], // zot: a child
    [{ status: 400, body: errorBody("BLOB_UNKNOWN") }, "content-missing"], // zot: a blob
    [{ status: 404, body: errorBody("NAME_UNKNOWN") }, "repository-unknown"],
    [{ status: 400, body: errorBody("MANIFEST_BLOB_UNKNOWN") }, "content-missing"],
    [{ status: 400, body: errorBody("TAG_INVALID", "the tag is immutable") }, "conflict"],
    [{ status: 413 }, "too-large"],
  ] as const)("%j is %s", async (reply, reason) => {
    await failsWith(() => reply, put, reason);
  });
  it("takes another success that names the digest (older Quay: 202)", async () => {
    const reply = { status: 202, headers: { "docker-content-digest": DIGEST } };
    await withRegistry(() => reply, put);
  });
  it.each([
    { errors: [{ code: "MANIFEST_BLOB_UNKNOWN", detail: OTHER }] }, // docker-registry
    { errors: [{ code: "MANIFEST_BLOB_UNKNOWN", detail: { anyName: [OTHER] } }] },
    { errors: [{ code: "BLOB_UNKNOWN", detail: { blob: OTHER } }] }, // zot
    { errors: [{ code: "MANIFEST_BLOB_UNKNOWN", message: `Images with digests [${OTHER}] required` }] }, // ECR
    { errors: [1, { code: "MANIFEST_BLOB_UNKNOWN" }, { code: "MANIFEST_BLOB_UNKNOWN", detail: OTHER }] },
  ])("tells what is missing: %j", async (document) => {
    const reply = { status: 400, body: JSON.stringify(document) };
    await withRegistry(
      () => reply,
      (registry) =>
        Effect.map(failureOf(put(registry)), (error) =>
          expect(error).toMatchObject({ reason: "content-missing", missing: [OTHER] }),
        ),
    );
  });
  it("is repeated after a hiccup, since it can be", async () => {
    const seen = await withRegistry((_request, _response, index) => ({ status: index === 0 ? 502 : 201 }), put);
    expect(seen).toHaveLength(2);
  });
});

describe("deleteManifest", () => {
  const remove = (registry: Registry) => registry.deleteManifest(WEB, DIGEST);
  it.each([
    [{ status: 202 }, true],
    [{ status: 404, body: errorBody("MANIFEST_UNKNOWN") }, false],
  ] as const)("%j is %s", async (reply, expected) => {
    await withRegistry(
      () => reply,
      (registry) => Effect.map(remove(registry), (deleted) => expect(deleted).toBe(expected)),
    );
  });
  it.each([
    [{ status: 405 }, "unsupported"],
    [{ status: 405, body: errorBody("UNSUPPORTED") }, "unsupported"],
    [{ status: 400, body: errorBody("UNSUPPORTED") }, "unsupported"],
    [{ status: 400, body: errorBody("DIGEST_INVALID") }, "unsupported"],
    [{ status: 400 }, "invalid-request"],
    [{ status: 404 }, "invalid-response"],
    [{ status: 404, body: errorBody("NAME_UNKNOWN") }, "repository-unknown"],
    [{ status: 403 }, "denied"],
    [{ status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: "<html>" }, "invalid-response"],
  ] as const)("%j is %s", async (reply, reason) => {
    await failsWith(() => reply, remove, reason);
  });
});

it("a path in the registry's URL stands before /v2/", async () => {
  const seen = await Promise.all([
    withRegistry(
      () => found(),
      (_registry, server) =>
        Effect.gen(function* () {
          const registry = yield* connectRegistry({
            name: "x",
            url: new URL("artifactory/api/docker/key/", server.url),
            auth: [],
          });
          yield* registry.resolve(WEB, LATEST);
        }),
    ),
  ]);
  expect(seen[0]?.[0]?.path).toBe("/artifactory/api/docker/key/v2/team/web/manifests/latest");
});

it("interruption aborts the request", async () => {
  let closed = false;
  const script: Script = (_request, response) => {
    response.on("close", () => {
      closed = true;
    });
    return undefined;
  };
  await withRegistry(script, (registry, server) =>
    Effect.gen(function* () {
      yield* Effect.raceFirst(
        registry.resolve(WEB, LATEST),
        Effect.promise(async () => {
          while (server.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
        }),
      );
      yield* Effect.promise(async () => {
        while (!closed) await new Promise((resolve) => setImmediate(resolve));
      });
    }),
  );
  expect(closed).toBe(true);
});

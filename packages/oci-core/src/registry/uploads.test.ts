import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { parseRepositoryName } from "../model/names.ts";
import { RegistryError, type RegistryReason } from "./errors.ts";
import type { Registry } from "./registry.ts";
import {
  errorBody,
  failureOf,
  type Reply,
  type Script,
  startServer,
  withRegistry,
} from "./scripted-server.test-support.ts";
import { withDigest } from "./uploads.ts";
import { verified } from "./verify.ts";
import { watched } from "./watch.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const BASE = parseRepositoryName("base") ?? expect.unreachable();
const BYTES = Buffer.alloc(300_000, "layer");
const BLOB = { mediaType: "application/x", digest: digestOf(BYTES), size: BYTES.length };
const EMPTY = { mediaType: "application/x", digest: digestOf(Buffer.alloc(0)), size: 0 };
const opened: Reply = { status: 202, headers: { location: "/v2/team/web/blobs/uploads/u1?_state=a%2Fb%3D&x=1" } };
const stream = (bytes: Uint8Array = BYTES) =>
  verified(BLOB, Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]));
const location = (server: { readonly url: URL }, path = "/session?s=1") => new URL(path, server.url);

describe("startUpload", () => {
  it("is a POST without a body; Location keeps its query as it is", async () => {
    const seen = await withRegistry(
      () => opened,
      (registry, server) =>
        Effect.map(registry.startUpload(WEB), (start) => {
          expect(start._tag === "Opened" && start.location.href).toBe(
            `${server.url.origin}/v2/team/web/blobs/uploads/u1?_state=a%2Fb%3D&x=1`,
          );
        }),
    );
    expect(seen).toMatchObject([
      { method: "POST", path: "/v2/team/web/blobs/uploads/", headers: { "content-length": "0" } },
    ]);
  });
  const mount = (registry: Registry) => registry.startUpload(WEB, { digest: BLOB.digest, from: BASE });
  it("asks to mount in the same request", async () => {
    const seen = await withRegistry(
      () => ({ status: 201 }),
      (registry) => Effect.map(mount(registry), (start) => expect(start._tag).toBe("Mounted")),
    );
    expect(seen.map(({ path }) => path)).toEqual([`/v2/team/web/blobs/uploads/?mount=${BLOB.digest}&from=base`]);
  });
  it("a mount that is answered 202 has opened a session", async () => {
    const seen = await withRegistry(
      () => opened,
      (registry) => Effect.map(mount(registry), (start) => expect(start._tag).toBe("Opened")),
    );
    expect(seen).toHaveLength(1);
  });
  it.each([400, 403, 404, 405])("a mount that fails with %i is left out", async (status) => {
    const seen = await withRegistry(
      ({ path }) => (path.includes("mount") ? { status } : opened),
      (registry) => Effect.map(mount(registry), (start) => expect(start._tag).toBe("Opened")),
    );
    expect(seen).toHaveLength(2);
  });
  it.each([
    [{ status: 202 }, "invalid-response"],
    [{ status: 201 }, "invalid-response"],
    [{ status: 404, body: errorBody("NAME_UNKNOWN") }, "repository-unknown"],
    [{ status: 403, body: errorBody("DENIED") }, "denied"],
  ] as const)("%j is %s", async (reply, reason) => {
    await withRegistry(
      () => reply,
      (registry) => Effect.map(failureOf(registry.startUpload(WEB)), (error) => expect(error.reason).toBe(reason)),
    );
  });
  it("asks for push on the target before pull on the source", async () => {
    const script: Script = (request) => {
      if (request.path.startsWith("/token")) return { status: 200, body: '{"token":"t"}' };
      return request.headers.authorization === "Bearer t"
        ? opened
        : { status: 401, headers: { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` } };
    };
    const seen = await withRegistry(script, mount, {
      auth: [{ _tag: "Basic", username: "u", password: Redacted.make("p") }],
    });
    const token = seen.find(({ path }) => path.startsWith("/token"));
    expect(new URL(`http://x${token?.path}`).searchParams.getAll("scope")).toEqual([
      "repository:team/web:pull,push",
      "repository:base:pull",
    ]);
  });
});

describe("upload", () => {
  const created: Reply = { status: 201, headers: { "docker-content-digest": BLOB.digest } };
  it.each([
    ["stream", () => stream()],
    ["buffer", () => BYTES],
  ] as const)("a %s by one PUT", async (_name, body) => {
    const seen = await withRegistry(
      () => created,
      (registry, server) => registry.upload(WEB, location(server), BLOB, body()),
    );
    expect(seen).toMatchObject([
      {
        method: "PUT",
        path: `/session?s=1&digest=${BLOB.digest}`,
        headers: { "content-length": String(BLOB.size), "content-type": "application/octet-stream" },
      },
    ]);
    expect(seen[0]?.body.equals(BYTES)).toBe(true);
  });
  it("by one PATCH and a closing PUT, at the newest Location", async () => {
    const script: Script = ({ method }) =>
      method === "PATCH" ? { status: 202, headers: { location: "/second" } } : created;
    const seen = await withRegistry(
      script,
      (registry, server) => registry.upload(WEB, location(server), BLOB, stream()),
      {
        traits: { upload: "patch" },
      },
    );
    expect(seen.map(({ method, path, body }) => [method, path, body.length])).toEqual([
      ["PATCH", "/session?s=1", BYTES.length],
      ["PUT", `/second?digest=${BLOB.digest}`, 0],
    ]);
    expect(seen[0]?.headers["content-range"]).toBeUndefined();
  });
  it.each(["put", "patch"] as const)("an empty blob is one PUT (%s)", async (upload) => {
    for (const body of [new Uint8Array(), verified(EMPTY, Readable.from([]))]) {
      const seen = await withRegistry(
        () => ({ status: 201 }),
        (registry, server) => registry.upload(WEB, location(server), EMPTY, body),
        { traits: { upload } },
      );
      expect(seen).toMatchObject([{ method: "PUT", headers: { "content-length": "0" } }]);
    }
  });
  const failsWith = async (script: Script, body: () => Readable | Uint8Array, reason: RegistryReason) =>
    await withRegistry(script, (registry, server) =>
      Effect.map(failureOf(registry.upload(WEB, location(server), BLOB, body())), (error) =>
        expect(error.reason).toBe(reason),
      ),
    );
  it("wrong bytes never complete a request", async () => {
    const wrong = Buffer.from(BYTES);
    wrong[299_999] = 0;
    expect(
      await failsWith(
        () => created,
        () => stream(wrong),
        "digest-mismatch",
      ),
    ).toHaveLength(0);
    expect(
      await failsWith(
        () => created,
        () => stream(BYTES.subarray(1)),
        "digest-mismatch",
      ),
    ).toHaveLength(0);
    expect(
      await failsWith(
        () => created,
        () => BYTES.subarray(1),
        "digest-mismatch",
      ),
    ).toHaveLength(0);
  });
  it("an error of the source comes out as it is", async () => {
    const error = new RegistryError({
      registry: "other",
      operation: "GET blob",
      reference: "a",
      reason: "stalled",
      detail: "",
    });
    const body = () =>
      verified(
        BLOB,
        new Readable({
          read() {
            this.push(BYTES.subarray(0, 1000));
            this.destroy(error);
          },
        }),
      );
    await failsWith(() => created, body, "stalled");
  });
  it.each([
    [{ status: 404, body: errorBody("BLOB_UPLOAD_UNKNOWN") }, "upload-lost"],
    [{ status: 416 }, "upload-lost"],
    [{ status: 400, body: errorBody("DIGEST_INVALID") }, "digest-mismatch"],
    [{ status: 202 }, "invalid-response"],
    [{ status: 201, headers: { "docker-content-digest": digestOf(Buffer.from("x")) } }, "digest-mismatch"],
    [{ status: 503 }, "unavailable"],
    [{ status: 401 }, "upload-lost"],
    [{ status: 307, headers: { location: "/elsewhere" } }, "invalid-response"],
  ] as const)("%j is %s, and is not repeated here", async (reply, reason) => {
    expect(
      await failsWith(
        () => reply,
        () => stream(),
        reason,
      ),
    ).toHaveLength(1);
  });
  it("a buffer is sent again where a fresh token is wanted", async () => {
    let puts = 0;
    const script: Script = (request) => {
      if (request.path.startsWith("/token")) return { status: 200, body: `{"token":"t${puts}"}` };
      if (request.method === "PUT" && puts++ === 1) return created;
      return { status: 401, headers: { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` } };
    };
    await withRegistry(script, (registry, server) => registry.upload(WEB, location(server), BLOB, BYTES), {
      auth: [{ _tag: "Basic", username: "u", password: Redacted.make("p") }],
    });
    expect(puts).toBe(2);
  });
  it("another host gets the bytes and no credentials; an unsafe one gets nothing", async () => {
    const script: Script = ({ path }) =>
      path === "/v2/" ? { status: 401, headers: { "www-authenticate": "Basic realm=x" } } : opened;
    await withRegistry(
      script,
      (registry) =>
        Effect.gen(function* () {
          const other = yield* startServer(() => created);
          yield* registry.upload(WEB, location(other), BLOB, BYTES);
          expect(other.seen).toHaveLength(1);
          expect(other.seen[0]?.headers.authorization).toBeUndefined();
          const unsafe = new URL("http://169.254.169.254/upload");
          expect((yield* failureOf(registry.upload(WEB, unsafe, BLOB, BYTES))).reason).toBe("unsafe-location");
        }),
      { auth: [{ _tag: "Basic", username: "u", password: Redacted.make("p") }] },
    );
  });
  it("a body that stands still is given up", async () => {
    const place = { registry: "lab", operation: "upload", reference: "a" };
    const silent = new Readable({ read: () => undefined });
    const error = await Effect.runPromise(
      failureOf(
        watched(
          silent,
          place,
          (body) =>
            Effect.callback<never, RegistryError>((resume) => {
              body.on("error", (cause) => resume(Effect.fail(cause as RegistryError))).resume();
            }),
          30,
        ),
      ),
    );
    expect(error.reason).toBe("stalled");
    expect(silent.destroyed).toBe(true);
  });
  it("interruption ends the request and the body", async () => {
    const body = verified(BLOB, new Readable({ read: () => undefined }));
    await withRegistry(
      () => created,
      (registry, server) => Effect.timeoutOption(registry.upload(WEB, location(server), BLOB, body), 50),
    );
    expect(body.destroyed).toBe(true);
  });
});

describe("cancelUpload", () => {
  it("that needs another right does not change what later uploads ask for (docker-registry asks for delete)", async () => {
    const scopes: Array<string> = [];
    const script: Script = ({ method, path, headers }) => {
      const url = new URL(path, `http://${headers.host}`);
      if (url.pathname === "/token") {
        const scope = url.searchParams.get("scope") ?? "";
        scopes.push(scope);
        return { status: 200, body: JSON.stringify({ token: Buffer.from(scope).toString("base64url") }) };
      }
      const needed = method === "DELETE" ? "delete" : "pull,push";
      const held = Buffer.from(headers.authorization?.split(" ")[1] ?? "", "base64url").toString();
      const challenge = `Bearer realm="${url.origin}/token",scope="repository:team/web:${needed}"`;
      if (!held.split(/[:,]/).includes(needed.split(",").at(-1) ?? "") || url.pathname === "/v2/")
        return { status: 401, headers: { "www-authenticate": challenge } };
      return method === "POST" ? opened : { status: 201 };
    };
    await withRegistry(
      script,
      (registry, server) =>
        Effect.gen(function* () {
          yield* registry.cancelUpload(WEB, location(server));
          const begun = yield* registry.startUpload(WEB);
          if (begun._tag !== "Opened") return expect.unreachable();
          yield* registry.upload(WEB, begun.location, BLOB, stream());
        }),
      { auth: [{ _tag: "Basic", username: "u", password: Redacted.make("p") }] },
    );
    expect(scopes).toEqual(["repository:team/web:pull,push,delete", "repository:team/web:pull,push"]);
  });
  it("is a DELETE, and nothing of it matters", async () => {
    const seen = await withRegistry(
      () => ({ status: 500 }),
      (registry, server) => registry.cancelUpload(WEB, location(server)),
    );
    expect(seen).toMatchObject([{ method: "DELETE", path: "/session?s=1" }]);
    await withRegistry(
      () => opened,
      (registry) => registry.cancelUpload(WEB, new URL("http://169.254.169.254/x")),
    );
  });
});

it.each([
  ["https://h/u", `https://h/u?digest=${BLOB.digest}`],
  ["https://h/u?", `https://h/u?digest=${BLOB.digest}`],
  ["https://h/u?a=%2F&b=c+d#x", `https://h/u?a=%2F&b=c+d&digest=${BLOB.digest}`],
])("%s with its digest is %s", (given, expected) => {
  expect(withDigest(new URL(given), BLOB.digest).href).toBe(expected);
});

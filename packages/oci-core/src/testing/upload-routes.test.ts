import { createHash } from "node:crypto";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { image } from "./images.ts";
import { ask, sha256 } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";
import { type StrictRegistry, startStrictRegistry } from "./strict-registry.ts";

const open = (registry: StrictRegistry, repository = "team/web"): Effect.Effect<string> =>
  Effect.map(ask(registry, "POST", `/v2/${repository}/blobs/uploads/`), ({ headers }) => headers["location"] ?? "");

const octets = (range?: string): Record<string, string> => ({
  "content-type": "application/octet-stream",
  ...(range === undefined ? {} : { "content-range": range }),
});

describe("uploads", () => {
  it.live("takes chunks in order, refuses them out of order, and tells where to go on", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const first = yield* ask(registry, "PATCH", yield* open(registry), { headers: octets("0-4"), body: "hello" });
      expect([first.status, first.headers["range"]]).toEqual([202, "0-4"]);
      const gap = yield* ask(registry, "PATCH", first.headers["location"] ?? "", {
        headers: octets("6-10"),
        body: "world",
      });
      expect([gap.status, gap.code, gap.headers["range"]]).toEqual([416, "BLOB_UPLOAD_INVALID", "0-4"]);
      const bare = yield* ask(registry, "PATCH", first.headers["location"] ?? "", { headers: octets(), body: "world" });
      expect(bare.status).toBe(416);
      const status = yield* ask(registry, "GET", gap.headers["location"] ?? "");
      expect([status.status, status.headers["range"]]).toEqual([204, "0-4"]);
      const put = `${status.headers["location"]}&digest=${sha256("hello world")}`;
      const last = yield* ask(registry, "PUT", put, { headers: octets("5-10"), body: " world" });
      expect([last.status, last.headers["docker-content-digest"]]).toEqual([201, sha256("hello world")]);
      expect(registry.openUploads()).toBe(0);
    }),
  );

  it.live("refuses a Location that is not the newest", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const stale = yield* open(registry);
      yield* ask(registry, "PATCH", stale, { headers: octets(), body: "hello" });
      expect((yield* ask(registry, "PUT", `${stale}&digest=${sha256("hello")}`)).status).toBe(416);
    }),
  );

  it.live("destroys the upload whose bytes are not those of the digest", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const location = yield* open(registry);
      const put = yield* ask(registry, "PUT", `${location}&digest=${sha256("good")}`, { body: "evil" });
      expect([put.status, put.code]).toEqual([400, "DIGEST_INVALID"]);
      expect((yield* ask(registry, "GET", location)).code).toBe("BLOB_UPLOAD_UNKNOWN");
      expect(registry.blobs("team/web")).toEqual([]);
    }),
  );

  it.live("announces the smallest chunk and refuses what follows a smaller one", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ chunkMinLength: 10 });
      const location = yield* open(registry);
      const short = yield* ask(registry, "PATCH", location, { headers: octets("0-4"), body: "hello" });
      expect(short.headers["oci-chunk-min-length"]).toBe("10");
      const next = yield* ask(registry, "PATCH", short.headers["location"] ?? "", {
        headers: octets("5-9"),
        body: "world",
      });
      expect(next.status).toBe(416);
      expect((yield* ask(registry, "PUT", `${short.headers["location"]}&digest=${sha256("hello")}`)).status).toBe(201);
    }),
  );

  it.live("behaves as the registries that do not take several chunks, or big closing PUTs", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ patches: "refuse", putBodyMax: 4 });
      const first = yield* ask(registry, "PATCH", yield* open(registry), { headers: octets("0-4"), body: "hello" });
      const second = yield* ask(registry, "PATCH", first.headers["location"] ?? "", {
        headers: octets("5-9"),
        body: "world",
      });
      expect([second.status, second.code]).toEqual([400, "UNSUPPORTED"]);
      const big = yield* ask(registry, "PUT", `${yield* open(registry)}&digest=${sha256("hello")}`, {
        body: "hello",
      });
      expect(big.status).toBe(413);
      registry.configure({ patches: "replace", putBodyMax: undefined });
      const start = yield* ask(registry, "PATCH", yield* open(registry), { headers: octets("0-4"), body: "hello" });
      const last = yield* ask(registry, "PATCH", start.headers["location"] ?? "", {
        headers: octets("5-9"),
        body: "world",
      });
      expect((yield* ask(registry, "PUT", `${last.headers["location"]}&digest=${sha256("world")}`)).status).toBe(201);
    }),
  );

  it.live("takes sha512, the empty blob and relative locations, and forgets a cancelled upload", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ locations: "relative" });
      const location = yield* open(registry);
      expect(location.startsWith("/v2/team/web/blobs/uploads/")).toBe(true);
      const sha512 = `sha512:${createHash("sha512").update("hello").digest("hex")}`;
      expect((yield* ask(registry, "PUT", `${location}&digest=${sha512}`, { body: "hello" })).status).toBe(201);
      expect((yield* ask(registry, "PUT", `${yield* open(registry)}&digest=${sha256("")}`)).status).toBe(201);
      const unwanted = yield* open(registry);
      expect((yield* ask(registry, "DELETE", unwanted)).status).toBe(204);
      expect((yield* ask(registry, "GET", unwanted)).status).toBe(404);
      expect((yield* ask(registry, "GET", `/v2/team/web/blobs/${sha256("")}`)).bytes.length).toBe(0);
    }),
  );

  it.live("mounts what the other repository has, and opens an upload for what it has not", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const digest = registry.putBlob("team/base", Buffer.from("layer"));
      const mount = (from: string) => ask(registry, "POST", `/v2/team/web/blobs/uploads/?mount=${digest}&from=${from}`);
      expect((yield* mount("team/other")).status).toBe(202);
      expect((yield* mount("team/base")).status).toBe(201);
      expect(registry.blobs("team/web")).toEqual([digest]);
      registry.configure({ mount: "refused" });
      expect((yield* mount("team/base")).status).toBe(202);
    }),
  );

  it.live("takes a layer that is too big for memory, and reads from its end", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const big = image({ seed: "big", layers: [64 * 1024 * 1024] });
      yield* pushImage(registry.url, "team/big", "v1", big);
      const digest = big.blobs[1]?.digest ?? "";
      const tail = yield* ask(registry, "GET", `/v2/team/big/blobs/${digest}`, { headers: { range: "bytes=-4" } });
      expect([tail.status, tail.headers["content-range"]]).toEqual([206, "bytes 67108860-67108863/67108864"]);
    }),
  );
});

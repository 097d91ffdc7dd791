import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { MANIFEST_ACCEPT, MEDIA_TYPES } from "../model/index.ts";
import { image, index, multiPlatform } from "./images.ts";
import { ask, sha256 } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";
import { startStrictRegistry } from "./strict-registry.ts";

describe("manifests", () => {
  it.live("refuses what is incomplete, mislabelled, too big or not what the digest says", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const whole = image({ seed: "m" });
      const put = (body: Uint8Array | string, type: string | undefined = MEDIA_TYPES.ociManifest, reference = "v1") =>
        Effect.map(
          ask(registry, "PUT", `/v2/team/web/manifests/${reference}`, { headers: { "content-type": type }, body }),
          ({ status, code }) => `${status} ${code ?? ""}`.trim(),
        );
      expect(yield* put(whole.bytes)).toBe("404 MANIFEST_BLOB_UNKNOWN");
      yield* pushImage(registry.url, "team/web", undefined, whole);
      expect(yield* put(whole.bytes)).toBe("201");
      expect(yield* put(index({ children: [image({ seed: "absent" })] }).bytes, MEDIA_TYPES.ociIndex)).toBe(
        "404 MANIFEST_BLOB_UNKNOWN",
      );
      expect(yield* put(whole.bytes, MEDIA_TYPES.dockerManifest)).toBe("400 MANIFEST_INVALID");
      expect(yield* put(whole.bytes, `${MEDIA_TYPES.ociManifest}; charset=utf-8`)).toBe("400 MANIFEST_INVALID");
      expect(yield* put("{", MEDIA_TYPES.ociManifest)).toBe("400 MANIFEST_INVALID");
      expect(yield* put(whole.bytes, MEDIA_TYPES.ociManifest, sha256("other"))).toBe("400 DIGEST_INVALID");
      expect(yield* put(whole.bytes, MEDIA_TYPES.ociManifest, "sha256:12")).toBe("400 DIGEST_INVALID");
      expect(yield* put(whole.bytes, MEDIA_TYPES.ociManifest, "-v1")).toBe("400 TAG_INVALID");
      expect(yield* put(Buffer.alloc(12 * 1024 * 1024))).toBe("413 SIZE_INVALID");
      const both = JSON.stringify({ ...JSON.parse(Buffer.from(whole.bytes).toString()), manifests: [] });
      expect(yield* put(both)).toBe("400 MANIFEST_INVALID");
      const text = Buffer.from(whole.bytes).toString();
      expect(yield* put(text.replace('"size": 4096', '"size": 4097'))).toBe("400 SIZE_INVALID");
    }),
  );

  it.live("wants its type in Accept, answers conditions, and sends no body to HEAD", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const top = multiPlatform({ seed: "m" });
      yield* pushImage(registry.url, "team/web", "v1", top);
      const get = (accept: string, more: Record<string, string> = {}) =>
        ask(registry, "GET", "/v2/team/web/manifests/v1", { headers: { accept, ...more } });
      expect((yield* get(MEDIA_TYPES.ociManifest)).code).toBe("MANIFEST_UNKNOWN");
      expect((yield* get("*/*")).code).toBe("MANIFEST_UNKNOWN");
      const found = yield* get(MANIFEST_ACCEPT);
      expect([found.status, found.headers["content-type"]]).toEqual([200, MEDIA_TYPES.ociIndex]);
      expect(found.bytes.equals(top.bytes)).toBe(true);
      expect((yield* get(MANIFEST_ACCEPT, { "if-none-match": `"${top.digest}"` })).status).toBe(304);
      const head = yield* ask(registry, "HEAD", "/v2/team/web/manifests/v1", { headers: { accept: MANIFEST_ACCEPT } });
      expect([head.headers["content-length"], head.headers["docker-content-digest"]]).toEqual([
        String(top.bytes.byteLength),
        top.digest,
      ]);
      expect((yield* ask(registry, "GET", "/v2/team/none/manifests/v1")).code).toBe("NAME_UNKNOWN");
      expect((yield* ask(registry, "GET", "/v2/Team/manifests/v1")).code).toBe("NAME_INVALID");
    }),
  );

  it.live("deletes tags, or only digests, or nothing", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ tagDelete: "none" });
      const one = image({ seed: "one" });
      for (const tag of ["a", "b"]) yield* pushImage(registry.url, "team/web", tag, one);
      const remove = (reference: string) =>
        Effect.map(ask(registry, "DELETE", `/v2/team/web/manifests/${reference}`), ({ status, code }) =>
          `${status} ${code ?? ""}`.trim(),
        );
      expect(yield* remove(one.digest)).toBe("405 UNSUPPORTED");
      registry.configure({ tagDelete: "tag" });
      expect(yield* remove("a")).toBe("202");
      expect(yield* remove("a")).toBe("404 MANIFEST_UNKNOWN");
      expect(registry.tags("team/web")).toEqual(["b"]);
      registry.configure({ tagDelete: "digest" });
      expect(yield* remove("b")).toBe("400 DIGEST_INVALID");
      expect(yield* remove(one.digest)).toBe("202");
      expect(registry.tags("team/web")).toEqual([]);
    }),
  );

  it.live("holds immutable tags", () =>
    Effect.gen(function* () {
      const immutable = { tags: /^v/, status: 409, code: "TAG_IMMUTABLE", sameDigest: "accepted" } as const;
      const registry = yield* startStrictRegistry({ immutable });
      yield* pushImage(registry.url, "team/web", "v1", image({ seed: "one" }));
      yield* pushImage(registry.url, "team/web", "v1", image({ seed: "one" }));
      const refused = yield* Effect.flip(pushImage(registry.url, "team/web", "v1", image({ seed: "two" })));
      expect(refused.status).toBe(409);
      registry.configure({ immutable: { ...immutable, sameDigest: "refused" } });
      expect((yield* Effect.flip(pushImage(registry.url, "team/web", "v1", image({ seed: "one" })))).status).toBe(409);
    }),
  );
});

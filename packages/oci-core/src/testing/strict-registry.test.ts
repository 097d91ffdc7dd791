import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { image, multiPlatform } from "./images.ts";
import { ask } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";
import { startStrictRegistry } from "./strict-registry.ts";

describe("strict registry", () => {
  it.live("shows tags whose content is missing", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      const top = multiPlatform({ seed: "top" });
      yield* pushImage(registry.url, "team/web", "v1", top);
      expect(registry.danglingReferences()).toEqual([]);
      const blob = top.children[0]?.blobs[1]?.digest ?? "";
      const child = top.children[1]?.digest ?? "";
      expect([registry.deleteBlob("team/web", blob), registry.deleteManifest("team/web", child)]).toEqual([true, true]);
      const missing = registry.danglingReferences().map(({ tag, digest, what }) => `${tag} ${what} ${digest}`);
      expect(missing.sort()).toEqual([`v1 blob ${blob}`, `v1 manifest ${child}`]);
    }),
  );

  it.live("counts requests and says which came with credentials, never which", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      yield* ask(registry, "GET", "/v2/", { headers: { authorization: "Basic c2VjcmV0" } });
      yield* ask(registry, "GET", "/v2/team/web/manifests/v1");
      expect(
        registry.requests.list().map(({ route, status, authorization }) => ({ route, status, authorization })),
      ).toEqual([
        { route: "ping", status: 200, authorization: "Basic" },
        { route: "manifest", status: 404, authorization: undefined },
      ]);
      expect(registry.requests.count({ route: "manifest", path: /v1$/ })).toBe(1);
      registry.requests.reset();
      expect([registry.requests.total(), registry.requests.count()]).toEqual([0, 0]);
    }),
  );

  it.live("goes away and comes back on the same port with all that it held", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      yield* pushImage(registry.url, "team/web", "v1", image({ seed: "a" }));
      yield* registry.setOnline(false);
      const down = yield* Effect.flip(pushImage(registry.url, "team/web", "v2", image({ seed: "b" })));
      expect(down.detail).toMatch(/ECONNREFUSED|closed/);
      yield* registry.setOnline(true);
      yield* pushImage(registry.url, "team/web", "v2", image({ seed: "b" }));
      expect(registry.tags("team/web")).toEqual(["v1", "v2"]);
    }),
  );

  it.live("refuses requests beyond a rate", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ rates: [{ method: "GET", perSecond: 0 }] });
      const refused = yield* ask(registry, "GET", "/v2/");
      expect([refused.status, refused.code, refused.headers["retry-after"]]).toEqual([429, "TOOMANYREQUESTS", "1"]);
    }),
  );

  it.live("lets another interface live on the same host", () =>
    Effect.gen(function* () {
      const intercept = (exchange: { readonly url: URL }) =>
        Promise.resolve(
          exchange.url.pathname === "/api" ? { status: 200, headers: {}, body: Buffer.from("mine") } : undefined,
        );
      const registry = yield* startStrictRegistry({ intercept });
      expect((yield* ask(registry, "GET", "/api")).bytes.toString()).toBe("mine");
      expect((yield* ask(registry, "GET", "/v2/")).status).toBe(200);
    }),
  );
});

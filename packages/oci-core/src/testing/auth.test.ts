import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { ask, sha256 } from "./plain-http.ts";
import { startStrictRegistry } from "./strict-registry.ts";

describe("authentication", () => {
  const users = [
    { name: "robot", password: "secret" },
    { name: "reader", password: "look", grants: [{ repositories: /^team\//, actions: ["pull" as const] }] },
  ];
  const basic = (name: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`,
  });

  it.live("checks passwords and rights", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ auth: { _tag: "Basic", users } });
      expect((yield* ask(registry, "GET", "/v2/")).headers["www-authenticate"]).toContain("Basic realm");
      expect((yield* ask(registry, "GET", "/v2/", { headers: basic("robot", "wrong") })).status).toBe(401);
      expect((yield* ask(registry, "GET", "/v2/", { headers: basic("robot", "secret") })).status).toBe(200);
      const push = (name: string, password: string) =>
        ask(registry, "POST", "/v2/team/web/blobs/uploads/", { headers: basic(name, password) });
      expect((yield* push("reader", "look")).code).toBe("DENIED");
      expect((yield* push("robot", "secret")).status).toBe(202);
    }),
  );

  it.live("gives tokens with the scopes that were asked for and allowed, for their time", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ auth: { _tag: "Token", users, anonymous: "pull" } });
      registry.createRepository("team/web");
      const challenge = (yield* ask(registry, "GET", "/v2/team/web/tags/list")).headers["www-authenticate"];
      expect(challenge).toBe(
        `Bearer realm="${registry.url}token",service="strict-registry",scope="repository:team/web:pull"`,
      );
      const token = (scope: string, headers: Record<string, string> = {}) =>
        Effect.map(ask(registry, "GET", `/token?service=strict-registry&scope=${scope}`, { headers }), ({ bytes }) => ({
          authorization: `Bearer ${(JSON.parse(bytes.toString()) as { token: string }).token}`,
        }));
      const list = (headers: Record<string, string>) => ask(registry, "GET", "/v2/team/web/tags/list", { headers });
      const upload = (headers: Record<string, string>) =>
        ask(registry, "POST", "/v2/team/web/blobs/uploads/", { headers });
      expect((yield* list(yield* token("repository:team/web:pull"))).status).toBe(200);
      expect((yield* list(yield* token("repository:team/api:pull"))).status).toBe(401);
      const reader = yield* token("repository:team/web:pull,push", basic("reader", "look"));
      expect((yield* list(reader)).status).toBe(200);
      expect((yield* upload(reader)).headers["www-authenticate"]).toContain('error="insufficient_scope"');
      const robot = yield* token("repository:team/web:pull,push", basic("robot", "secret"));
      expect((yield* upload(robot)).status).toBe(202);
      expect(registry.tokensIssued()).toBe(4);
      registry.revokeTokens();
      expect((yield* upload(robot)).headers["www-authenticate"]).toContain('error="invalid_token"');
      expect((yield* ask(registry, "GET", "/token", { headers: basic("robot", "wrong") })).status).toBe(401);
      const mount = yield* ask(registry, "POST", `/v2/team/web/blobs/uploads/?mount=${sha256("x")}&from=team/base`);
      expect(mount.headers["www-authenticate"]).toContain(
        'scope="repository:team/web:pull,push repository:team/base:pull"',
      );
    }),
  );

  it.live("gives tokens by POST, for passwords and refresh tokens", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ auth: { _tag: "Token", users } });
      const post = (form: Record<string, string>) =>
        Effect.map(
          ask(registry, "POST", "/token", {
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: new URLSearchParams({ service: "strict-registry", ...form }).toString(),
          }),
          ({ status, bytes }) => ({ status, ...(JSON.parse(bytes.toString()) as Record<string, string>) }),
        );
      const password = { grant_type: "password", username: "robot", password: "secret", access_type: "offline" };
      const first = yield* post({ ...password, scope: "repository:team/web:pull" });
      expect(first.status).toBe(200);
      const second = yield* post({ grant_type: "refresh_token", refresh_token: String(Object(first).refresh_token) });
      expect(second.status).toBe(200);
      expect((yield* post({ grant_type: "refresh_token", refresh_token: "made up" })).status).toBe(401);
    }),
  );
});

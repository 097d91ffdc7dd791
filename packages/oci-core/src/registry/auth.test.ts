import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import type { RepositoryName, Tag } from "../model/brand.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import type { RegistryAuth } from "./adapter.ts";
import { connectRegistry } from "./client.ts";
import type { Registry } from "./registry.ts";
import {
  errorBody,
  failureOf,
  type Reply,
  type Script,
  type Seen,
  startServer,
  withRegistry,
} from "./scripted-server.test-support.ts";

const repository = (text: string): RepositoryName => parseRepositoryName(text) ?? expect.unreachable(text);
const tag = (text: string): Tag => parseTag(text) ?? expect.unreachable(text);
const WEB = repository("team/web");
const basic = (username: string, password: string): RegistryAuth => ({
  _tag: "Basic",
  username,
  password: Redacted.make(password),
});
const header = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const resolveTag = (registry: Registry) => registry.resolve(WEB, tag("latest"));
const absent: Reply = { status: 404 };
const unauthorized = (challenge?: string | ReadonlyArray<string>): Reply => ({
  status: 401,
  body: errorBody("UNAUTHORIZED"),
  ...(challenge === undefined ? {} : { headers: { "www-authenticate": challenge } }),
});

/** A registry with a token server at `/token`: `valid` says which tokens open it. */
const tokenRegistry = (options: {
  readonly issue: (request: Seen, count: number) => Reply;
  readonly valid: (token: string, request: Seen) => boolean;
  readonly scope?: string;
  readonly pingScope?: boolean;
}): Script => {
  let issued = 0;
  return (request) => {
    const host = `http://${request.headers.host}`;
    if (request.path.startsWith("/token")) return options.issue(request, ++issued);
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token !== undefined && options.valid(token, request)) return request.path === "/v2/" ? { status: 200 } : absent;
    const scope = options.scope === undefined || request.path === "/v2/" ? "" : `,scope="${options.scope}"`;
    return unauthorized(`Bearer realm="${host}/token?tenant=a",service="the registry"${scope}`);
  };
};
const token = (value: string, more: object = {}): Reply => ({
  status: 200,
  body: JSON.stringify({ token: value, ...more }),
});
const tokenCalls = (seen: ReadonlyArray<Seen>) => seen.filter(({ path }) => path.startsWith("/token"));

describe("anonymous", () => {
  it("asks nobody first, and sends nothing", async () => {
    const seen = await withRegistry(() => absent, resolveTag);
    expect(seen.map(({ path }) => path)).toEqual(["/v2/team/web/manifests/latest"]);
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });
  it("takes an anonymous token where the registry wants one", async () => {
    const seen = await withRegistry(tokenRegistry({ issue: () => token("t"), valid: (t) => t === "t" }), (registry) =>
      Effect.andThen(resolveTag(registry), resolveTag(registry)),
    );
    expect(tokenCalls(seen)).toHaveLength(1);
    expect(tokenCalls(seen)[0]?.headers.authorization).toBeUndefined();
    expect(seen).toHaveLength(4);
  });
});

describe("Basic", () => {
  it("learns from the ping what the registry wants, once", async () => {
    const script: Script = ({ headers }) =>
      headers.authorization === header("u", "p") ? absent : unauthorized('Basic realm="x"');
    const seen = await withRegistry(script, (registry) => Effect.andThen(resolveTag(registry), resolveTag(registry)), {
      auth: [basic("u", "p")],
    });
    expect(seen.map(({ path, headers }) => [path, headers.authorization !== undefined])).toEqual([
      ["/v2/", false],
      ["/v2/team/web/manifests/latest", true],
      ["/v2/team/web/manifests/latest", true],
    ]);
  });
  it("is sent at once to a registry that answers everybody", async () => {
    const seen = await withRegistry(({ path }) => (path === "/v2/" ? { status: 200 } : absent), resolveTag, {
      auth: [basic("u", "p")],
    });
    expect(seen.at(-1)?.headers.authorization).toBe(header("u", "p"));
  });
  it("a wrong password fails with unauthorized and is not repeated", async () => {
    const seen = await withRegistry(
      () => unauthorized('Basic realm="x"'),
      (registry) => Effect.map(failureOf(resolveTag(registry)), (error) => expect(error.reason).toBe("unauthorized")),
      { auth: [basic("u", "p")] },
    );
    expect(seen).toHaveLength(2);
  });
  it("tries several credentials in order and stays with the one that works", async () => {
    const script: Script = ({ headers }) =>
      headers.authorization === header("u", "new") ? absent : unauthorized('Basic realm="x"');
    const seen = await withRegistry(script, (registry) => Effect.andThen(resolveTag(registry), resolveTag(registry)), {
      auth: [basic("u", "old"), basic("u", "new")],
    });
    expect(seen.slice(1).map(({ headers }) => headers.authorization)).toEqual([
      header("u", "old"),
      header("u", "new"),
      header("u", "new"),
    ]);
  });
  it("credentials that come from an effect are asked for each time", async () => {
    let count = 0;
    const auth = Effect.sync(() => [basic("u", `p${++count}`)]);
    const seen = await withRegistry(
      ({ path }) => (path === "/v2/" ? { status: 200 } : absent),
      (registry) => Effect.andThen(resolveTag(registry), resolveTag(registry)),
      { auth },
    );
    expect(seen.slice(1).map(({ headers }) => headers.authorization)).toEqual([header("u", "p1"), header("u", "p2")]);
  });
});

describe("Bearer", () => {
  const auth = [basic("u", "p")];
  it("asks the realm with its own query, the service and the scope", async () => {
    const seen = await withRegistry(tokenRegistry({ issue: () => token("t"), valid: (t) => t === "t" }), resolveTag, {
      auth,
    });
    const [call] = tokenCalls(seen);
    const query = new URL(`http://x${call?.path}`).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      tenant: "a",
      service: "the registry",
      scope: "repository:team/web:pull",
      client_id: "drayage",
    });
    expect(call?.headers.authorization).toBe(header("u", "p"));
    expect(seen.map(({ path }) => path.split("?")[0])).toEqual(["/v2/", "/token", "/v2/team/web/manifests/latest"]);
  });
  it("works without a service, with access_token", async () => {
    const script: Script = (request) => {
      if (request.path.startsWith("/token")) return { status: 200, body: JSON.stringify({ access_token: "a" }) };
      return request.headers.authorization === "Bearer a"
        ? absent
        : unauthorized(`Bearer realm="http://${request.headers.host}/token"`);
    };
    const seen = await withRegistry(script, resolveTag, { auth });
    expect(tokenCalls(seen)[0]?.path).not.toContain("service");
  });
  it("one call for concurrent requests, one token for each scope", async () => {
    const seen = await withRegistry(
      tokenRegistry({ issue: (_request, n) => token(`t${n}`), valid: () => true }),
      (registry) =>
        Effect.andThen(
          Effect.all(
            Array.from({ length: 8 }, () => resolveTag(registry)),
            { concurrency: "unbounded" },
          ),
          registry.resolve(repository("other"), tag("x")),
        ),
      { auth },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
  });
  it("an expired token is renewed before use, at three quarters of its life", async () => {
    const seen = await withRegistry(
      tokenRegistry({
        issue: (_request, n) => token(`t${n}`, { expires_in: n === 1 ? 0.001 : 300 }),
        valid: () => true,
      }),
      (registry) =>
        resolveTag(registry).pipe(
          Effect.andThen(Effect.sleep(5)),
          Effect.andThen(resolveTag(registry)),
          Effect.andThen(resolveTag(registry)),
        ),
      { auth },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
  });
  it("a refused token is replaced once", async () => {
    let revoked = false;
    const seen = await withRegistry(
      tokenRegistry({ issue: (_request, n) => token(`t${n}`), valid: (t) => !revoked || t === "t2" }),
      (registry) =>
        Effect.gen(function* () {
          yield* resolveTag(registry);
          revoked = true;
          yield* resolveTag(registry);
        }),
      { auth },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
  });
  it("a scope that the registry names differently is asked for, and remembered", async () => {
    const other = "repository:proxy/team/web:pull";
    const seen = await withRegistry(
      tokenRegistry({
        issue: ({ path }) => token(new URL(`http://x${path}`).searchParams.get("scope") ?? ""),
        valid: (t) => t === other,
        scope: other,
      }),
      (registry) => Effect.andThen(resolveTag(registry), resolveTag(registry)),
      { auth },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
    expect(seen.filter(({ path }) => path.startsWith("/v2/team"))).toHaveLength(3);
  });
  it("too small a scope, even after a fresh token, is denied", async () => {
    const script: Script = (request) =>
      request.path.startsWith("/token")
        ? token("t")
        : unauthorized(`Bearer realm="http://${request.headers.host}/token",error="insufficient_scope"`);
    await withRegistry(
      script,
      (registry) => Effect.map(failureOf(resolveTag(registry)), (error) => expect(error.reason).toBe("denied")),
      { auth },
    );
  });
  it("an identity that the token server refuses gives way to the next", async () => {
    const seen = await withRegistry(
      tokenRegistry({
        issue: ({ headers }) => (headers.authorization === header("u", "new") ? token("t") : { status: 401 }),
        valid: (t) => t === "t",
      }),
      resolveTag,
      { auth: [basic("u", "old"), basic("u", "new")] },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
  });
  it("an identity token goes by POST, which alone takes it", async () => {
    const seen = await withRegistry(tokenRegistry({ issue: () => token("t"), valid: (t) => t === "t" }), resolveTag, {
      auth: [basic("<token>", "refresh me")],
    });
    const [call] = tokenCalls(seen);
    expect(call?.method).toBe("POST");
    expect(call?.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(call?.body.toString()))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "refresh me",
      scope: "repository:team/web:pull",
    });
  });
  it("a token given by the configuration goes as it is", async () => {
    const seen = await withRegistry(() => absent, resolveTag, {
      auth: [{ _tag: "Bearer", token: Redacted.make("abc") }],
    });
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer abc"]);
  });
  it("a busy token server is a hiccup; a broken one is not success", async () => {
    const seen = await withRegistry(
      tokenRegistry({ issue: (_request, n) => (n === 1 ? { status: 503 } : token("t")), valid: (t) => t === "t" }),
      resolveTag,
      { auth },
    );
    expect(tokenCalls(seen)).toHaveLength(2);
    await withRegistry(
      tokenRegistry({ issue: () => ({ status: 200, body: "<html>" }), valid: () => false }),
      (registry) =>
        Effect.map(failureOf(resolveTag(registry)), (error) => expect(error.reason).toBe("invalid-response")),
      { auth },
    );
  });
  it("a refused credential without any challenge still leads to the token server (Artifact Registry)", async () => {
    let asked = 0;
    const script: Script = (request) => {
      if (request.path.startsWith("/token")) return token("t");
      if (request.headers.authorization === "Bearer t") return absent;
      // The first ping looks open; a credential is then refused without a word.
      if (request.path === "/v2/" && asked++ === 0) return { status: 200 };
      return request.path === "/v2/"
        ? unauthorized(`Bearer realm="http://${request.headers.host}/token"`)
        : unauthorized();
    };
    const seen = await withRegistry(script, resolveTag, { auth });
    expect(seen.at(-1)?.headers.authorization).toBe("Bearer t");
  });
});

describe("realms that are refused", () => {
  it.each(["http://169.254.169.254/token", "http://auth.example.com/token", "https://127.0.0.2/token", "no url"])(
    "%s gets nothing; the registry itself is still tried, then it fails",
    async (realm) => {
      const seen = await withRegistry(
        () => unauthorized(`Bearer realm="${realm}"`),
        (registry) =>
          Effect.map(failureOf(resolveTag(registry)), (error) => expect(error.reason).toBe("unsafe-location")),
        { auth: [basic("u", "p")] },
      );
      expect(seen.map(({ path }) => path)).toEqual(["/v2/", "/v2/team/web/manifests/latest"]);
    },
  );
  it.each(["https://auth.other.example/token", "https://127.0.0.1.example.com/token"])(
    "%s is on another site: a password is sent neither there nor to the registry that wants it there",
    async (realm) => {
      const seen = await withRegistry(
        () => unauthorized(`Bearer realm="${realm}"`),
        (registry) =>
          Effect.map(failureOf(resolveTag(registry)), (error) => {
            expect(error.reason).toBe("unsafe-location");
            expect(error.detail).toMatch(/must not get our credentials: .*not listed in realms/);
          }),
        { auth: [basic("u", "p")] },
      );
      expect(seen.map(({ path }) => path)).toEqual(["/v2/"]);
    },
  );
  it("Basic beside it is taken instead", async () => {
    const script: Script = ({ headers }) =>
      headers.authorization === header("u", "p")
        ? absent
        : unauthorized(['Bearer realm="http://auth.example.com/t"', "Basic realm=x"]);
    await withRegistry(script, resolveTag, { auth: [basic("u", "p")] });
  });
});

it("no error of any of this holds the password or the token", async () => {
  const script: Script = (request) =>
    request.path.startsWith("/token")
      ? token("tok-secret")
      : unauthorized(`Bearer realm="http://${request.headers.host}/token"`);
  await withRegistry(
    script,
    (registry) =>
      Effect.map(failureOf(resolveTag(registry)), (error) => {
        expect(JSON.stringify(error) + error.message + String(error.cause)).not.toMatch(/pass-secret|tok-secret/);
      }),
    { auth: [basic("u", "pass-secret")] },
  );
});

it("credentials in the URL of the registry are not used and not sent", async () => {
  const seen = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* startServer(() => absent);
        const url = new URL(server.url.href);
        url.username = "u";
        const registry = yield* connectRegistry({ name: "lab", url, auth: [] });
        yield* resolveTag(registry);
        return server.seen;
      }),
    ),
  );
  expect(seen[0]?.headers.authorization).toBeUndefined();
});

describe("a key in a header of the registry's own", () => {
  const key = (text: string): RegistryAuth => ({ _tag: "Header", header: "x-own-key", key: Redacted.make(text) });

  it("goes with every request as it is, and is never exchanged for a token", async () => {
    const script: Script = ({ headers }) => (headers["x-own-key"] === "right" ? absent : unauthorized());
    const seen = await withRegistry(script, resolveTag, { auth: [key("old"), key("right")] });
    expect(seen.map(({ headers }) => [headers["x-own-key"], headers.authorization])).toEqual([
      ["old", undefined],
      ["right", undefined],
    ]);
  });

  it("does not follow a challenge", async () => {
    const script = tokenRegistry({ issue: () => token("t"), valid: () => true });
    const seen = await withRegistry(script, (registry) => Effect.exit(resolveTag(registry)), { auth: [key("wrong")] });
    expect(tokenCalls(seen)).toEqual([]);
  });
});

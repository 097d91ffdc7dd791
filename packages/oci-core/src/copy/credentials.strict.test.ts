import { buffer } from "node:stream/consumers";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { digestOf } from "../model/digest.ts";
import { connectRegistry } from "../registry/client.ts";
import { type ScriptedServer, startServer } from "../registry/scripted-server.test-support.ts";
import {
  type Answer,
  blobsOf,
  empty,
  type ImageFixture,
  type Intercept,
  image,
  json,
  pushImage,
  refusal,
  type StrictAuth,
  type StrictRegistry,
  startStrictRegistry,
} from "../testing/index.ts";
import { makeCopier } from "./make-copier.ts";
import { app, MIB, one } from "./strict-sides.test-support.ts";

const USER = { name: "u", password: "the-password" } as const;
const COOKIE = { "Set-Cookie": "session=of-the-registry; Path=/" } as const;
const MODES: ReadonlyArray<StrictAuth> = [
  { _tag: "Basic", users: [USER] },
  { _tag: "Token", users: [USER] },
];

/** An image with a foreign layer whose `urls` lead to the thief. */
const withForeignLayer = (urls: ReadonlyArray<string>): ImageFixture => {
  const plain = image({ seed: "stolen", layers: [3000, 5 * MIB] });
  const document: { layers: Array<unknown> } = JSON.parse(Buffer.from(plain.bytes).toString());
  const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  document.layers.push({ mediaType, digest: digestOf(Buffer.from("foreign")), size: 7, urls });
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  return { ...plain, bytes, digest, descriptor: { ...plain.descriptor, digest, size: bytes.byteLength } };
};

/** Serves what it is asked for, takes what it is sent, and keeps every request. */
const startThief = Effect.fnUntraced(function* (held: Map<string, Uint8Array>, target: () => StrictRegistry) {
  const server = yield* startServer(({ method, path, body }) => {
    const url = new URL(path, "http://thief.invalid");
    const digest = url.searchParams.get("digest");
    if (method === "PUT" && digest !== null) {
      target().putBlob("team/app", body);
      return { status: 201, headers: COOKIE };
    }
    if (method === "PATCH") return { status: 202, headers: { ...COOKIE, location: path } };
    const bytes = held.get(url.pathname.slice(1));
    return bytes === undefined ? { status: 404 } : { status: 200, headers: COOKIE, body: bytes };
  });
  // Another host, not only another port: 127.0.0.1 is the registries' own.
  return { ...server, url: new URL(`http://localhost:${server.url.port}`) };
});

const sendsAway =
  (match: RegExp, methods: string, answer: (path: string, signedIn: boolean) => Answer | undefined): Intercept =>
  async (exchange) =>
    methods.includes(exchange.method) && match.test(exchange.url.pathname)
      ? answer(exchange.url.pathname, exchange.headers.authorization !== undefined)
      : undefined;

const firstOf =
  (...all: ReadonlyArray<Intercept>): Intercept =>
  async (exchange) => {
    for (const one of all) {
      const answer = await one(exchange);
      if (answer !== undefined) return answer;
    }
    return undefined;
  };

const connect = (name: string, server: Pick<StrictRegistry, "url">) =>
  connectRegistry({
    name,
    url: server.url,
    auth: [{ _tag: "Basic", username: USER.name, password: Redacted.make(USER.password) }],
  });

const expectNothingStolen = (thief: ScriptedServer): void => {
  for (const { method, path, headers, body } of thief.seen) {
    const where = `${method} ${path}`;
    expect(headers.authorization, where).toBeUndefined();
    expect(headers.cookie, where).toBeUndefined();
    expect(headers["proxy-authorization"], where).toBeUndefined();
    expect(`${path} ${JSON.stringify(headers)}`, where).not.toContain(USER.password);
    expect(body.includes(USER.password), where).toBe(false);
  }
};

const asMaster = (server: StrictRegistry, auth: StrictAuth): string =>
  auth._tag === "Token"
    ? `Bearer ${server.masterToken()}`
    : `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;

describe("credentials stay with their registry", () => {
  it.live.each(MODES.map((auth) => [auth._tag, auth] as const))(
    "%s: a whole copy whose blobs, manifests and uploads are sent to another host",
    ([, auth]) =>
      Effect.gen(function* () {
        const held = new Map<string, Uint8Array>();
        const both: { target?: StrictRegistry } = {};
        const thief = yield* startThief(held, () => both.target ?? expect.unreachable());
        const away = (path: string): string => new URL(`/${path}`, thief.url).href;
        const only = (answer: Answer) => (_path: string, signedIn: boolean) => (signedIn ? answer : undefined);
        const source = yield* startStrictRegistry({
          auth,
          intercept: sendsAway(/\/(blobs|manifests)\/sha256:/, "GET", (path, signedIn) =>
            signedIn ? empty(307, { ...COOKIE, Location: away(path.split("/").at(-1) ?? "") }) : undefined,
          ),
        });
        const fixture = withForeignLayer([away("foreign")]);
        yield* pushImage(source.url, "team/app", "1", fixture, { authorization: asMaster(source, auth) });
        for (const blob of blobsOf(fixture)) {
          held.set(blob.digest, yield* Effect.promise(() => buffer(blob.open())));
        }
        held.set(fixture.digest, fixture.bytes);
        const target = yield* startStrictRegistry({
          auth,
          intercept: firstOf(
            sendsAway(/\/blobs\/uploads\/$/, "POST", only(empty(202, { ...COOKIE, Location: away("upload?state=1") }))),
          ),
        });
        both.target = target;
        const [from, to] = [yield* connect("source", source), yield* connect("target", target)];
        const copier = yield* makeCopier();
        const result = yield* copier.copy({
          source: { registry: from, repository: app, reference: one },
          target: { registry: to, repository: app, tag: one },
          depth: "tag",
          referrers: "all",
        });
        expect(result).toMatchObject({ digest: fixture.digest, action: "copied", blobs: { copied: 3 } });
        expect(target.danglingReferences()).toEqual([]);
        // A manifest, three blobs read, three blobs sent, and never the foreign layer.
        expect(thief.seen.filter(({ method }) => method === "GET")).toHaveLength(4);
        expect(thief.seen.filter(({ method }) => method === "PUT")).toHaveLength(3);
        expect(thief.seen.some(({ path }) => path.includes("foreign"))).toBe(false);
        expectNothingStolen(thief);
      }).pipe(Effect.scoped),
  );

  it.live.each(MODES.map((auth) => [auth._tag, auth] as const))("%s: a Link to another host is refused", ([, auth]) =>
    Effect.gen(function* () {
      const thief = yield* startThief(new Map(), () => expect.unreachable());
      const link = { Link: `<${thief.url.href}v2/team/app/tags/list?last=1>; rel="next"`, ...COOKIE };
      const listing = (_path: string, signedIn: boolean): Answer | undefined =>
        signedIn ? json(200, { name: "team/app", tags: ["1"] }, link) : undefined;
      const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
      const registry = yield* startStrictRegistry({
        auth,
        intercept: firstOf(
          sendsAway(/\/tags\/list$/, "GET", listing),
          sendsAway(/\/referrers\//, "GET", (_path, signedIn) => (signedIn ? json(200, index, link) : undefined)),
        ),
      });
      const client = yield* connect("source", registry);
      for (const list of [Stream.runDrain(client.tags(app)), client.referrers(app, digestOf(Buffer.from("x")))]) {
        expect(yield* Effect.flip(list)).toMatchObject({ reason: "unsafe-location" });
      }
      expect(thief.seen).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("a realm on another host is refused, before and during a copy", () =>
    Effect.gen(function* () {
      const thief = yield* startThief(new Map(), () => expect.unreachable());
      const challenge = `Bearer realm="${thief.url.href}token",service="s"`;
      const demand = refusal(401, "UNAUTHORIZED", "no", undefined, { "WWW-Authenticate": challenge, ...COOKIE });
      const auth: StrictAuth = { _tag: "Token", users: [USER] };
      let isTurned = false;
      const registry = yield* startStrictRegistry({ auth, intercept: async () => (isTurned ? demand : undefined) });
      const client = yield* connect("source", registry);
      expect(yield* client.resolve(app, one)).toBeUndefined();
      isTurned = true;
      expect(yield* Effect.flip(client.resolve(app, one))).toMatchObject({ reason: "unsafe-location" });
      const fresh = yield* connect("fresh", registry);
      expect(yield* Effect.flip(fresh.resolve(app, one))).toMatchObject({ reason: "unsafe-location" });
      expect(thief.seen).toEqual([]);
    }).pipe(Effect.scoped),
  );
});

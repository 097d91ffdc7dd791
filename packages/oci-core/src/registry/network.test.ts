import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { TLSSocket, TlsOptions } from "node:tls";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import type { RegistryAuth } from "./adapter.ts";
import { makeAuthority } from "./certificates.test-support.ts";
import { connectRegistry } from "./client.ts";
import type { RegistryError } from "./errors.ts";
import type { NetworkSettings } from "./network.ts";
import { listening, startProxy } from "./proxy.test-support.ts";
import { proxiedDispatcher } from "./proxy.ts";

const REPOSITORY = parseRepositoryName("team/web") ?? expect.unreachable();
const TAG = parseTag("1.0") ?? expect.unreachable();
const DIGEST = digestOf(Buffer.from("{}"));
const TRUSTED = makeAuthority("Trusted");
const STRANGE = makeAuthority("Strange");
const NAME = "reg.example.com";

interface Seen {
  readonly host: string | undefined;
  readonly authorization: string | undefined;
  readonly serverName: string | false | null | undefined;
  /** Whether a certificate of the client was shown that the server trusts. */
  readonly proven: boolean | undefined;
}

/** A registry with one tag, over TLS where options are given. */
const startRegistry = (tls?: TlsOptions): Effect.Effect<{ port: number; seen: Seen[] }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const seen: Seen[] = [];
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const socket = request.socket as Partial<TLSSocket>;
      const { host, authorization } = request.headers;
      seen.push({ host, authorization, serverName: socket.servername, proven: socket.authorized });
      response.writeHead(200, {
        "content-type": "application/vnd.oci.image.manifest.v1+json",
        "content-length": "2",
        "docker-content-digest": DIGEST,
      });
      response.end(request.method === "HEAD" ? undefined : "{}");
    };
    const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
    server.on("tlsClientError", () => {}); // the client's error is what is tested
    return { port: yield* listening(server), seen };
  });

const ask = (
  url: string,
  network: NetworkSettings,
  auth: ReadonlyArray<RegistryAuth> = [{ _tag: "Anonymous" }],
): Effect.Effect<string | undefined, RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const registry = yield* connectRegistry({ name: "reg", url: new URL(url), auth, network });
    return (yield* registry.resolve(REPOSITORY, TAG))?.digest;
  });

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect));

describe("certificates", () => {
  const server = TRUSTED.issue("localhost", "127.0.0.1");
  it("of an own authority are trusted where it is configured, and refused where it is not", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* startRegistry(server);
        const url = `https://localhost:${port}`;
        expect(yield* ask(url, { tls: { ca: TRUSTED.cert } })).toBe(DIGEST);
        for (const network of [{}, { tls: { ca: STRANGE.cert } }]) {
          const error = yield* Effect.flip(ask(url, network));
          expect(error).toMatchObject({ reason: "network" });
          expect(error.detail).toMatch(/certificate/i);
        }
      }),
    ));
  it("of another name are refused", async () => {
    const error = await run(
      Effect.gen(function* () {
        const { port } = yield* startRegistry(TRUSTED.issue("other.example.com"));
        return yield* Effect.flip(ask(`https://localhost:${port}`, { tls: { ca: TRUSTED.cert } }));
      }),
    );
    expect(error.detail).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });
  it("of ours are shown to a registry that asks, and a registry that asks refuses us without", () =>
    run(
      Effect.gen(function* () {
        const mutual = { ...server, ca: TRUSTED.cert, requestCert: true, rejectUnauthorized: true };
        const { port, seen } = yield* startRegistry(mutual);
        const url = `https://localhost:${port}`;
        const ours = TRUSTED.issue("drayage");
        const tls = { ca: TRUSTED.cert, clientCert: ours.cert, clientKey: Redacted.make(ours.key) };
        expect(yield* ask(url, { tls })).toBe(DIGEST);
        expect(seen[0]?.proven).toBe(true);
        expect(yield* Effect.flip(ask(url, { tls: { ca: TRUSTED.cert } }))).toMatchObject({ reason: "network" });
        expect(seen).toHaveLength(1);
      }),
    ));
});

describe("endpoint", () => {
  const network = (port: number, scheme = "https"): NetworkSettings => ({
    tls: { ca: TRUSTED.cert },
    endpoint: new URL(`${scheme}://127.0.0.1:${port}`),
  });
  it("is where we connect, under the registry's name", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry(TRUSTED.issue(NAME));
        expect(yield* ask(`https://${NAME}`, network(port))).toBe(DIGEST);
        expect(seen).toMatchObject([{ host: NAME, serverName: NAME }]);
      }),
    ));
  it("is refused with a certificate of its own name", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry(TRUSTED.issue("127.0.0.1"));
        for (const url of [`https://${NAME}`, "https://192.0.2.7"]) {
          const error = yield* Effect.flip(ask(url, network(port)));
          expect(error.detail).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
        }
        expect(seen).toEqual([]);
      }),
    ));
  it("of a registry that is an address must prove that address", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* startRegistry(TRUSTED.issue("192.0.2.7"));
        expect(yield* ask("https://192.0.2.7", network(port))).toBe(DIGEST);
      }),
    ));
  it("may be plain HTTP behind a load balancer that ends TLS", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry();
        expect(yield* ask(`https://${NAME}`, network(port, "http"))).toBe(DIGEST);
        expect(yield* ask(`http://${NAME}:5000`, network(port, "http"))).toBe(DIGEST);
        expect(seen.map(({ host }) => host)).toEqual([NAME, `${NAME}:5000`]);
      }),
    ));
});

describe("a proxy", () => {
  const through = (port: number, more: NetworkSettings = {}, user = "", scheme = "http"): NetworkSettings => ({
    tls: { ca: TRUSTED.cert },
    proxy: Redacted.make(`${scheme}://${user}127.0.0.1:${port}`),
    ...more,
  });
  it("tunnels to a registry of https, whose bytes it does not see", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry(TRUSTED.issue(NAME));
        const proxy = yield* startProxy({ to: () => port });
        expect(yield* ask(`https://${NAME}`, through(proxy.port))).toBe(DIGEST);
        expect(proxy.lines).toEqual([`CONNECT ${NAME}:443`]);
        expect(seen).toMatchObject([{ host: NAME, serverName: NAME }]);
      }),
    ));
  it("hands on requests to a registry of http, without a tunnel", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry();
        const proxy = yield* startProxy({ to: () => port });
        expect(yield* ask(`http://${NAME}:5000`, through(proxy.port))).toBe(DIGEST);
        expect(proxy.lines).toEqual([`HEAD http://${NAME}:5000/v2/team/web/manifests/1.0`]);
        expect(seen[0]?.host).toBe(`${NAME}:5000`);
      }),
    ));
  it.each([
    ["drayage:s%40cret%2F1@", "drayage:s@cret/1"],
    ["drayage@", "drayage:"],
  ])("gets user and password, and the registry does not (%s)", (user, plain) =>
    run(
      Effect.gen(function* () {
        const authorization = `Basic ${Buffer.from(plain).toString("base64")}`;
        for (const tls of [TRUSTED.issue(NAME), undefined]) {
          const { port, seen } = yield* startRegistry(tls);
          const proxy = yield* startProxy({ to: () => port, authorization });
          const scheme = tls === undefined ? "http" : "https";
          const auth = [{ _tag: "Bearer", token: Redacted.make("for the registry") }] as const;
          expect(yield* ask(`${scheme}://${NAME}`, through(proxy.port, {}, user), auth)).toBe(DIGEST);
          expect(new Set(proxy.credentials)).toEqual(new Set([authorization]));
          expect(seen.map((one) => one.authorization)).not.toContain(authorization);
        }
      }),
    ),
  );
  it.each(["https", "http"])(
    "with another password refuses a registry of %s for good, and the error tells none",
    (scheme) =>
      run(
        Effect.gen(function* () {
          const { port } = yield* startRegistry();
          const proxy = yield* startProxy({ to: () => port, authorization: "Basic right" });
          const error = yield* Effect.flip(ask(`${scheme}://${NAME}`, through(proxy.port, {}, "me:wrongsecret@")));
          expect(error).toMatchObject({ reason: "denied", status: 407, retryable: false });
          expect(error.detail).toContain("registries.reg.proxy");
          expect(`${error.message} ${String(error.cause)}`).not.toContain("wrongsecret");
        }),
      ),
  );
  it("of https is spoken to over TLS, with the same authorities", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* startRegistry(TRUSTED.issue(NAME));
        const proxy = yield* startProxy({ to: () => port, secure: TRUSTED.issue("127.0.0.1") });
        expect(yield* ask(`https://${NAME}`, through(proxy.port, {}, "", "https"))).toBe(DIGEST);
        expect(proxy.lines).toEqual([`CONNECT ${NAME}:443`]);
      }),
    ));
  it("is asked for the endpoint where there is one, which must be the registry", () =>
    run(
      Effect.gen(function* () {
        const { port, seen } = yield* startRegistry(TRUSTED.issue(NAME));
        const proxy = yield* startProxy({ to: () => port });
        const endpoint = new URL("https://10.0.0.7:8443");
        expect(yield* ask(`https://${NAME}`, through(proxy.port, { endpoint }))).toBe(DIGEST);
        expect(proxy.lines).toEqual(["CONNECT 10.0.0.7:8443"]);
        expect(seen).toMatchObject([{ host: NAME, serverName: NAME }]);
        const other = yield* startRegistry(TRUSTED.issue("10.0.0.7"));
        const second = yield* startProxy({ to: () => other.port });
        const error = yield* Effect.flip(ask(`https://${NAME}`, through(second.port, { endpoint })));
        expect(error).toMatchObject({ reason: "network" });
        expect(other.seen).toEqual([]);
      }),
    ));
  it("that says nothing is given up after the time of a connection", () =>
    run(
      Effect.gen(function* () {
        const proxy = yield* startProxy({ to: () => 0, silent: true });
        const dispatcher = proxiedDispatcher({
          proxy: Redacted.make(`http://127.0.0.1:${proxy.port}`),
          requestTls: {},
          proxyTls: {},
          connectTimeout: 300,
          bodyTimeout: 60_000,
          pool: {},
        });
        const asked = dispatcher.request({ origin: `https://${NAME}`, path: "/v2/", method: "GET" });
        yield* Effect.promise(() => expect(asked).rejects.toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" }));
        yield* Effect.promise(() => dispatcher.destroy());
      }),
    ));
  it("shows our certificate to the registry and not to itself", () =>
    run(
      Effect.gen(function* () {
        const ours = TRUSTED.issue("drayage");
        const mutual = { ca: TRUSTED.cert, requestCert: true, rejectUnauthorized: true };
        const { port, seen } = yield* startRegistry({ ...TRUSTED.issue(NAME), ...mutual });
        const proxy = yield* startProxy({ to: () => port });
        const tls = { ca: TRUSTED.cert, clientCert: ours.cert, clientKey: Redacted.make(ours.key) };
        expect(yield* ask(`https://${NAME}`, through(proxy.port, { tls }))).toBe(DIGEST);
        expect(seen[0]?.proven).toBe(true);
      }),
    ));
});

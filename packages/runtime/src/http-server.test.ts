import { connect } from "node:net";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { expect, it } from "vitest";
import { readBody } from "./body.ts";
import { type HttpServerOptions, httpServer } from "./http-server.ts";
import { loggingTo, logSettings } from "./logging.ts";
import { problem } from "./problem.ts";

const quiet = loggingTo(logSettings({}, false), () => {});

const started = async (options: Partial<HttpServerOptions>) => {
  const scope = Scope.makeUnsafe();
  const server = await Effect.runPromise(
    Scope.provide(
      httpServer({
        name: "ingest",
        host: "127.0.0.1",
        port: 0,
        handler: (_request, response) => void response.end("handled"),
        ready: () => Promise.resolve({ ok: true }),
        ...options,
      }),
      scope,
    ).pipe(Effect.provide(quiet)),
  );
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void));
  return { ...server, close, [Symbol.asyncDispose]: close };
};

/** Everything that comes over one raw connection until it ends. */
const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    socket.on("data", (piece) => {
      got += piece.toString();
    });
    socket.on("error", () => {}).on("close", () => resolve(got));
  });

it("answers the probes itself and gives the rest to the handler", async () => {
  let readiness: () => Promise<{ ok: boolean; why?: string }> = () => Promise.resolve({ ok: true });
  await using server = await started({ ready: () => readiness() });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect((await fetch(`${server.url}/healthz`, { method: "POST" })).status).toBe(405);
  expect((await fetch(`${server.url}/readyz`, { method: "HEAD" })).status).toBe(200);
  expect(await (await fetch(`${server.url}/anything`)).text()).toBe("handled");

  readiness = () => Promise.resolve({ ok: false, why: "no database" });
  const notReady = await fetch(`${server.url}/readyz`);
  expect([notReady.status, await notReady.json()]).toEqual([503, { status: "not-ready", why: "no database" }]);
  readiness = () => Promise.reject(new Error("database gone"));
  expect(await (await fetch(`${server.url}/readyz`)).json()).toMatchObject({ why: "database gone" });
});

it("a port in use is a typed failure that names the address and the mend", async () => {
  await using first = await started({});
  await expect(started({ port: first.port })).rejects.toThrow(
    `ingest cannot listen on 127.0.0.1:${first.port}: another process listens there; stop it, or choose another port (http.ingest in drayage.yaml)`,
  );
});

it("a handler that fails answers 500 as a problem, and the server goes on", async () => {
  await using server = await started({ handler: () => Promise.reject(new Error("secret detail")) });
  const answer = await fetch(server.url);
  expect(answer.status).toBe(500);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(JSON.stringify(await answer.json())).not.toContain("secret detail");
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

it("lets a request in flight finish when it stops, and refuses new ones", async () => {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const server = await started({
    handler: async (_request, response) => {
      entered.resolve();
      await finish.promise;
      response.end("finished");
    },
  });
  const answer = fetch(server.url);
  await entered.promise;
  const closed = server.close();
  await expect(fetch(server.url)).rejects.toThrow();
  finish.resolve();
  expect(await (await answer).text()).toBe("finished");
  await closed;
});

it("cuts what does not finish within the drain, and tells long answers to end", async () => {
  const told = Promise.withResolvers<void>();
  const server = await started({
    limits: { drainMs: 20 },
    handler: (_request, response, closing) => {
      closing.addEventListener("abort", () => told.resolve());
      response.write("never ends");
    },
  });
  const answer = await fetch(server.url);
  await server.close();
  await told.promise;
  await expect(answer.text()).rejects.toThrow();
});

it("an idle kept-alive connection does not hold the stop up", async () => {
  const server = await started({ limits: { drainMs: 60_000 } });
  await (await fetch(server.url)).text();
  await server.close();
});

it("a sender that sends its headers one by one is cut", async () => {
  await using server = await started({ limits: { headersTimeoutMs: 50, requestTimeoutMs: 100 } });
  expect(await raw(server.port, "POST / HTTP/1.1\r\nHost: x\r\n")).toContain("408");
});

it("headers over the limit are refused", async () => {
  await using server = await started({});
  expect(await raw(server.port, `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${"a".repeat(20_000)}\r\n\r\n`)).toContain("431");
});

it("reads a body within its bounds, and says why not otherwise", async () => {
  await using server = await started({
    handler: async (request, response) => {
      const body = await readBody(request, { bytesMax: 10, timeoutMs: 50 });
      if (body._tag === "Body") response.end(body.bytes);
      else problem(response, { status: 400, title: body._tag }, { connection: "close" });
    },
  });
  const post = (body: string | undefined) =>
    fetch(server.url, { method: "POST", ...(body === undefined ? {} : { body }) });
  expect(await (await post("0123456789")).text()).toBe("0123456789");
  expect(await (await post(undefined)).text()).toBe("");
  expect(await (await post("01234567890")).json()).toMatchObject({
    title: "TooLarge",
    status: 400,
    type: "about:blank",
  });
  expect(await (await post("x".repeat(3_000_000))).json()).toMatchObject({ title: "TooLarge" });
  expect(await raw(server.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\nabc")).toContain(
    "TooLarge",
  );
  expect(await raw(server.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nabc")).toContain("TooSlow");
});

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type ConnectSettings, connectRegistry } from "./client.ts";
import type { RegistryError } from "./errors.ts";
import type { Registry } from "./registry.ts";

/** A request as the server saw it. */
export interface Seen {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>;
  readonly body?: string | Uint8Array;
}

/** A function of the request, or one that writes to the socket itself and returns nothing. */
export type Script = (request: Seen, response: ServerResponse, index: number) => Reply | undefined;

export interface ScriptedServer {
  readonly url: URL;
  readonly seen: Seen[];
}

/** A tiny HTTP server whose answers a test writes by hand, for what no honest registry would say. */
export const startServer = (script: Script): Effect.Effect<ScriptedServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ScriptedServer & { readonly close: () => Promise<void> }>((resume) => {
      const seen: Seen[] = [];
      const server = createServer((request, response) => {
        const answer = async (): Promise<void> => {
          const { method = "", url = "", headers } = request;
          const entry: Seen = { method, path: url, headers, body: await buffer(request) };
          const index = seen.push(entry) - 1;
          const reply = script(entry, response, index);
          if (reply === undefined) return;
          response.writeHead(
            reply.status,
            Object.entries(reply.headers ?? {}).flatMap(([name, value]) =>
              typeof value === "string" ? [name, value] : value.flatMap((one) => [name, one]),
            ),
          );
          response.end(method === "HEAD" ? undefined : reply.body);
        };
        answer().catch(() => response.destroy()); // the client hung up while its body was read
      });
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        const close = (): Promise<void> =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          });
        resume(Effect.succeed({ url: new URL(`http://127.0.0.1:${port}`), seen, close }));
      });
    }),
    (server) => Effect.promise(server.close),
  );

/** Runs `test` against a server with this script, and returns what the server saw. */
export const withRegistry = async (
  script: Script,
  test: (registry: Registry, server: ScriptedServer) => Effect.Effect<unknown, RegistryError, Scope.Scope>,
  settings: Partial<ConnectSettings> = {},
): Promise<ReadonlyArray<Seen>> =>
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* startServer(script);
        const registry = yield* connectRegistry({ name: "lab", url: server.url, auth: [], ...settings });
        yield* test(registry, server);
        return server.seen;
      }),
    ),
  );

/** A registry's error body. */
export const errorBody = (code: string, message = "no"): string => JSON.stringify({ errors: [{ code, message }] });

/** The error of an effect that must fail. */
export const failureOf = <R>(
  effect: Effect.Effect<unknown, RegistryError, R>,
): Effect.Effect<RegistryError, never, R> =>
  Effect.matchEffect(effect, {
    onFailure: Effect.succeed,
    onSuccess: () => Effect.die(new Error("it succeeded")),
  });

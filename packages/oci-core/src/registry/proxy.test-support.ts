import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Certificate } from "./certificates.test-support.ts";

/** A proxy as it is run in companies: tunnels to any port, hands on plain requests, may ask who it is. */
export interface TestProxy {
  readonly port: number;
  /** Request lines as they came: `CONNECT reg.example.com:443`, `GET http://reg.example.com/v2/`. */
  readonly lines: string[];
  /** Values of `Proxy-Authorization` as they came. */
  readonly credentials: (string | undefined)[];
}

/** Every name leads to `to` on loopback: the machine that runs the test knows no names. */
export const startProxy = (options: {
  readonly to: () => number;
  readonly authorization?: string;
  readonly secure?: Certificate;
  /** Takes connections and says nothing. */
  readonly silent?: boolean;
}): Effect.Effect<TestProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lines: string[] = [];
    const credentials: (string | undefined)[] = [];
    const enter = (request: IncomingMessage): boolean => {
      lines.push(`${request.method} ${request.url}`);
      credentials.push(request.headers["proxy-authorization"]);
      return options.authorization === undefined || request.headers["proxy-authorization"] === options.authorization;
    };
    const server = options.secure === undefined ? createServer() : createTlsServer({ ...options.secure });
    server.on("request", (request, response) => {
      if (!enter(request)) {
        response.writeHead(407).end();
        return;
      }
      const { "proxy-authorization": _, ...headers } = request.headers;
      const { pathname, search } = new URL(request.url ?? "");
      const onward = httpRequest(
        { host: "127.0.0.1", port: options.to(), path: pathname + search, method: request.method, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(onward);
    });
    const tunnels = new Set<Duplex>();
    server.on("connect", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      tunnels.add(socket.on("error", () => socket.destroy()));
      const entered = enter(request);
      if (options.silent === true) return;
      if (!entered) {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
      }
      const onward = connect(options.to(), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      onward.on("error", () => socket.destroy());
      socket.on("close", () => onward.destroy());
    });
    const port = yield* listening(server, () => {
      for (const socket of tunnels) socket.destroy();
    });
    return { port, lines, credentials };
  });

/** The port of a server that lives as long as the scope. */
export const listening = (server: Server, beforeClose = () => {}): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
    () =>
      Effect.promise(
        () =>
          new Promise<void>((resolve) => {
            beforeClose();
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
  );

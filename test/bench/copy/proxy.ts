// A process of its own: it counts what passes between a client and two registries, and may add to the time of every answer.
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

/** What passed on one side. Bytes are those of bodies. */
export interface SideCount {
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly byKind: Readonly<Record<string, number>>;
}

/** To the proxy. */
export type ProxyOrder =
  | { readonly _tag: "Start"; readonly upstreams: ReadonlyArray<number>; readonly delayMs: number }
  | { readonly _tag: "Count" }
  | { readonly _tag: "Stop" };
/** From it. `Count` empties the counters. */
export type ProxyAnswer =
  | { readonly _tag: "Started"; readonly ports: ReadonlyArray<number> }
  | { readonly _tag: "Counted"; readonly sides: ReadonlyArray<SideCount> };

interface Counter {
  requests: number;
  bytesUp: number;
  bytesDown: number;
  byKind: Record<string, number>;
}

const SOCKETS_MAX = 256;
const counters: Counter[] = [];
const fresh = (): Counter => ({ requests: 0, bytesUp: 0, bytesDown: 0, byKind: {} });

const kindOf = (method: string, url: string): string => {
  const path = url.split("?")[0] ?? "";
  if (method === "POST") return url.includes("mount=") ? "mount" : "POST upload";
  if (/\/tags\/list$/.test(path)) return "list tags";
  if (/\/blobs\/uploads\//.test(path)) return `${method} upload`;
  if (/\/blobs\//.test(path)) return `${method} blob`;
  if (/\/manifests\//.test(path)) return `${method} manifest`;
  return `${method} other`;
};

const listen = (upstream: number, delayMs: number): Promise<number> => {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: SOCKETS_MAX });
  const side = counters.push(fresh()) - 1;
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const counter = counters[side] ?? fresh();
    const method = incoming.method ?? "GET";
    const kind = kindOf(method, incoming.url ?? "");
    counter.requests += 1;
    counter.byKind[kind] = (counter.byKind[kind] ?? 0) + 1;
    incoming.on("data", (piece: Buffer) => {
      (counters[side] ?? counter).bytesUp += piece.byteLength;
    });
    const onward = request(
      { host: "127.0.0.1", port: upstream, agent, method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        const give = (): void => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          answer.on("data", (piece: Buffer) => {
            (counters[side] ?? counter).bytesDown += piece.byteLength;
          });
          answer.pipe(outgoing);
        };
        if (delayMs === 0) give();
        else setTimeout(give, delayMs);
      },
    );
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) onward.destroy();
    });
    incoming.pipe(onward);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
};

process.on("message", (order: ProxyOrder) => {
  if (order._tag === "Start") {
    Promise.all(order.upstreams.map((upstream) => listen(upstream, order.delayMs))).then(
      (ports) => process.send?.({ _tag: "Started", ports } satisfies ProxyAnswer),
      () => process.exit(1),
    );
  } else if (order._tag === "Count") {
    process.send?.({ _tag: "Counted", sides: counters.map((counter) => ({ ...counter })) } satisfies ProxyAnswer);
    counters.forEach((_, side) => {
      counters[side] = fresh();
    });
  } else process.exit(0);
});
process.on("disconnect", () => process.exit(0));

import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";

/** What a proxy does with connections. */
export type ProxyMode =
  | "open"
  /** Connections are reset, and new ones too. */
  | "cut"
  /** Connections stay, and nothing passes: the other side seems to be there. */
  | "silent";

/** Where a connection goes. Asked for each new one, so that several processes can stand behind one port. */
export type Upstream = () => NetConnectOpts;

/** A TCP proxy on loopback, which makes partitions. */
export interface TcpProxy {
  readonly port: number;
  readonly set: (mode: ProxyMode) => void;
  readonly close: () => Promise<void>;
}

export const startProxy = async (upstream: Upstream): Promise<TcpProxy> => {
  let mode: ProxyMode = "open";
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    if (mode === "cut") return void client.resetAndDestroy();
    const target = connect(upstream());
    const pair = [client, target] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of pair) socket.setNoDelay(true).on("error", end).on("close", end);
    client.pipe(target);
    target.pipe(client);
    if (mode === "silent") hush(pair);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    set: (next) => {
      mode = next;
      for (const pair of pairs) {
        if (next === "cut") cut(pair);
        else if (next === "silent") hush(pair);
        else listen(pair);
      }
    },
    close: async () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** Only the client's side is TCP for sure: the other may be a socket file, which knows no reset. */
const cut = ([client, target]: readonly [Socket, Socket]): void => {
  client.resetAndDestroy();
  target.destroy();
};
const hush = ([client, target]: readonly [Socket, Socket]): void => {
  client.unpipe(target).pause();
  target.unpipe(client).pause();
};
const listen = ([client, target]: readonly [Socket, Socket]): void => {
  client.unpipe(target).pipe(target);
  target.unpipe(client).pipe(client);
};

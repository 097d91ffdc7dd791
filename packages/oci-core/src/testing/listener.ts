import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on loopback that can go away and come back under the same port. */
export interface Listener {
  /** `http://127.0.0.1:port`, also while it is away. */
  readonly origin: string;
  /** Stops listening and breaks every connection; resolves when all are gone. */
  readonly stop: () => Promise<void>;
  /** Listens again. */
  readonly start: () => Promise<void>;
}

/** Loopback only: the registry has no business on a network. */
const HOST = "127.0.0.1";

/** Listens at once; `port` 0 is any free one. */
export const listen = async (handler: RequestListener, port: number): Promise<Listener> => {
  // No limit on the time of one request: uploads of tests may be as slow as those of real life.
  const server = createServer({ requestTimeout: 0 }, handler);
  const bound = await bind(server, port);
  return {
    origin: `http://${HOST}:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    start: async () => {
      if (!server.listening) await bind(server, bound);
    },
  };
};

const bind = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });

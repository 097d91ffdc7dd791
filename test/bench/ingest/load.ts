import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Load {
  readonly port: number;
  readonly requests: ReadonlyArray<Buffer>;
  readonly connections: number;
  readonly seconds: number;
}

export interface Loaded {
  readonly accepted: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const ACCEPTED = Buffer.from("HTTP/1.1 202");
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Sends one request after the other on each connection until the time is over, and waits for every answer: what was sent was answered. Plain sockets,
 * since on two cores a client that thinks takes the time of the server that is measured. Any answer but 202 ends the run.
 */
export const load = async ({ port, requests, connections, seconds }: Load): Promise<Loaded> => {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const latencies: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1_000;
  let next = 0;
  const take = (): Buffer | undefined => (performance.now() < until ? requests[next++ % requests.length] : undefined);
  await Promise.all(sockets.map((socket) => converse(socket, take, latencies)));
  const took = (performance.now() - started) / 1_000;
  for (const socket of sockets) socket.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { accepted: latencies.length, seconds: took, p50: at(0.5), p99: at(0.99) };
};

const open = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  return socket;
};

const converse = (socket: Socket, take: () => Buffer | undefined, latencies: number[]): Promise<void> =>
  new Promise((resolve, reject) => {
    let sent = 0;
    let received: Buffer | undefined;
    const send = (): void => {
      const request = take();
      sent = performance.now();
      if (request === undefined) resolve();
      else socket.write(request);
    };
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server hung up")));
    socket.on("data", (piece: Buffer) => {
      received = received === undefined ? piece : Buffer.concat([received, piece]);
      if (!isWhole(received)) return;
      if (received.subarray(0, ACCEPTED.length).compare(ACCEPTED) !== 0) {
        reject(new Error(`not accepted: ${received.toString("latin1").slice(0, 500)}`));
        return;
      }
      received = undefined;
      latencies.push(performance.now() - sent);
      send();
    });
    send();
  });

const isWhole = (answer: Buffer): boolean => {
  const end = answer.indexOf(HEAD_END);
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(answer.toString("latin1", 0, end))?.[1];
  if (length === undefined) throw new Error("an answer without its length");
  return answer.length >= end + HEAD_END.length + Number(length);
};

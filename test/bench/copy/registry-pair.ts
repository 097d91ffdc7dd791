import { mkdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../../e2e/harness/ports.ts";
import { type Child, start, tail } from "../../e2e/harness/process.ts";
import { Hopeless, waitFor } from "../../e2e/harness/wait.ts";
import type { Security } from "./security.ts";

/** A docker-registry for measurements: no log, no cache, storage in a folder that may be emptied. */
export interface BenchRegistry {
  readonly port: number;
  readonly host: string;
  readonly url: string;
  readonly pid: () => number;
  /** Ends the process and leaves the content. */
  readonly halt: () => Promise<void>;
  /** Ends the process, removes all content, starts it anew on the same port. */
  readonly empty: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const START_WITHIN_MS = 15_000;

export const startRegistry = async (
  command: string,
  name: string,
  folder: string,
  security?: Security | undefined,
  storage: string = join(folder, "storage"),
): Promise<BenchRegistry> => {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const file = join(folder, "config.json");
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify(configuration(storage, host, security)));
  const launch = async (): Promise<Child> => {
    const child = await start(command, ["serve", file], { name, log: join(folder, "registry.log") });
    const listening = async (): Promise<boolean> => {
      if (!child.running()) throw new Hopeless("it ended");
      return await isListening(port);
    };
    await waitFor(listening, { what: `${name} on ${host}`, withinMs: START_WITHIN_MS, explain: () => tail(child) });
    return child;
  };
  let child = await launch();
  return {
    port,
    host,
    url: `${security === undefined ? "http" : "https"}://${host}`,
    pid: () => child.pid,
    halt: async () => {
      await child.stop();
    },
    empty: async () => {
      await child.stop();
      await rm(storage, { recursive: true, force: true });
      child = await launch();
    },
    stop: async () => {
      await child.stop();
      await rm(storage, { recursive: true, force: true });
    },
  };
};

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

const configuration = (storage: string, addr: string, security: Security | undefined) => ({
  version: 0.1,
  log: { level: "error", accesslog: { disabled: true } },
  storage: {
    filesystem: { rootdirectory: storage, maxthreads: 100 },
    maintenance: { uploadpurging: { enabled: false } },
  },
  http: {
    addr,
    secret: "one run of a benchmark",
    ...(security === undefined ? {} : { tls: { certificate: security.certificate, key: security.key } }),
  },
  ...(security === undefined
    ? {}
    : {
        auth: {
          token: { realm: security.realm, service: "bench", issuer: "bench", rootcertbundle: security.certificate },
        },
      }),
});

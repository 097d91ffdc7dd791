import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { findBinaries } from "../embedded/binaries.ts";
import { layoutOf, onCluster } from "../embedded/cluster.ts";
import { SERVER_USERS, serverUser } from "../embedded/server-user.ts";
import { settingArguments } from "../embedded/settings.ts";
import { seedCluster } from "./cluster-template.ts";

/** A PostgreSQL server as others run it: reached over TCP, and nothing of ours watches it or starts it again. */
export interface TcpServer {
  /** Of the maintenance database. */
  readonly url: Redacted.Redacted<string>;
  readonly pid: () => number;
  /** SIGKILL: as a power cut is for the process. Waits for the end. */
  readonly kill: () => Promise<void>;
  /** Smart, fast or immediate shutdown is up to the signal: SIGTERM, SIGINT, SIGQUIT. Waits for the end. */
  readonly halt: (signal: "SIGTERM" | "SIGINT" | "SIGQUIT") => Promise<void>;
  /** On the same data and port. Waits until it takes connections. */
  readonly start: () => Promise<void>;
  /** For good, with its data. */
  readonly dispose: () => Promise<void>;
}

/** A recovery on a busy machine. */
const START_MS = 60_000;
const POLL_MS = 25;
/** What a killed server leaves behind holds its shared memory for a moment; the next one gives up at once then. */
const AGAIN_MS = 200;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
};

/** Started from the binaries that npm brings, so that there is one wherever the tests run. `settings` win over ours. */
export const startTcpServer = async (settings: ReadonlyArray<string> = []): Promise<TcpServer> => {
  const dataDir = await mkdtemp(join(tmpdir(), `drayage-tcp-${process.pid}-`));
  await seedCluster(dataDir);
  const { cluster } = layoutOf(dataDir);
  const user = await serverUser(cluster, SERVER_USERS);
  const { postgres } = await findBinaries(user);
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const { dataArgument, options } = onCluster(cluster, user);
  const tcp = ["listen_addresses=127.0.0.1", `port=${port}`, "unix_socket_directories=", ...settings];
  const args = ["-D", dataArgument, ...settingArguments(), ...tcp.flatMap((setting) => ["-c", setting])];
  let child: ChildProcess | undefined;

  const running = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || !running()) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  const start = async (): Promise<void> => {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      if (!running()) {
        await sleep(child === undefined ? 0 : AGAIN_MS);
        child = spawn(postgres, args, { ...options, stdio: "ignore" });
      }
      if (await answers(url)) return;
      await sleep(POLL_MS);
    }
    throw new Error(`PostgreSQL on port ${port} takes no connections after ${START_MS} ms`);
  };
  process.once("exit", () => child?.kill("SIGQUIT"));
  await start();
  return {
    url: Redacted.make(url),
    pid: () => child?.pid ?? 0,
    kill: () => end("SIGKILL"),
    halt: end,
    start,
    dispose: async () => {
      await end("SIGQUIT");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

const answers = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  return client
    .connect()
    .then(() => client.query("select 1"))
    .then(
      () => true,
      () => false,
    )
    .finally(() => client.end().catch(() => {}));
};

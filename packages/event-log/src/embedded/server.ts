import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Binaries, findBinaries } from "./binaries.ts";
import { onCluster } from "./cluster.ts";
import { causeLine, EmbeddedError } from "./errors.ts";
import { clearStaleLocks, findPostmaster, isPostmaster, type ServerProcess } from "./postmaster.ts";
import { running } from "./process.ts";
import { logSince, openServerLog } from "./server-log.ts";
import type { ServerUser } from "./server-user.ts";
import { settingArguments } from "./settings.ts";
import { hasSocket, makeSocketDirectory, SOCKET_PORT } from "./socket-directory.ts";

/** All that is needed to start the server of one data directory. */
export interface ServerPlace {
  readonly cluster: string;
  readonly log: string;
  readonly socketDirectory: string;
  readonly user: ServerUser | undefined;
  readonly cacheParents?: ReadonlyArray<string> | undefined;
}

/** A recovery after a crash replays at most `max_wal_size`, half a gigabyte: minutes on the slowest disk. */
const START_MS = 180_000;
/** Children of a killed server hold its shared memory until they notice, and a killed server may not be reaped at once. */
const LEFTOVERS_MS = 15_000;
const LEFTOVERS = /shared memory block|lock file "[^"]*" already exists/;
const POLL_MS = 20;
/** A server makes its socket before it recovers, so within moments. One without will never take a connection. */
const SOCKET_MISSING_MS = 3_000;
/** A fast shutdown writes a checkpoint of at most 64 MB of buffers. */
const FAST_STOP_MS = 30_000;
/** An immediate shutdown writes nothing. */
const IMMEDIATE_STOP_MS = 5_000;

const failed = (detail: string, cause?: unknown): EmbeddedError => new EmbeddedError({ step: "start", detail, cause });

export const urlOf = (socketDirectory: string, database: string): string =>
  `postgres://postgres@localhost:${SOCKET_PORT}/${database}?host=${encodeURIComponent(socketDirectory)}&sslmode=disable`;

/** Runs `body` on one connection; rejects when there is none. */
export const onConnection = async <A>(
  socketDirectory: string,
  database: string,
  body: (client: pg.Client) => Promise<A>,
): Promise<A> => {
  const client = new pg.Client({ connectionString: urlOf(socketDirectory, database), connectionTimeoutMillis: 2_000 });
  client.on("error", () => {}); // the query in flight reports it
  try {
    await client.connect();
    return await body(client);
  } finally {
    await client.end().catch(() => {}); // nothing is left to do on it
  }
};

/** Undefined when it takes connections, else why not. */
export const problemOfServer = (socketDirectory: string): Promise<unknown> =>
  onConnection(socketDirectory, "postgres", (client) => client.query("select 1")).then(
    () => undefined,
    (error: unknown) => error,
  );

/** Waits until the server answers, it ends, it turns out to have no socket, or the time is over. */
const ready = async (
  server: ServerProcess,
  socketDirectory: string,
  signal: AbortSignal,
): Promise<"ready" | "ended" | "no socket"> => {
  const deadline = Date.now() + START_MS;
  let socketSeen = Date.now();
  for (;;) {
    const problem = await problemOfServer(socketDirectory);
    if (problem === undefined) return "ready";
    if (!(await isPostmaster(server))) return "ended";
    signal.throwIfAborted();
    if (await hasSocket(socketDirectory)) socketSeen = Date.now();
    if (Date.now() - socketSeen > SOCKET_MISSING_MS) return "no socket";
    if (Date.now() > deadline) {
      throw failed(
        `the server (process ${server.pid}) takes no connections after ${START_MS / 1000} s: ${causeLine(problem)}`,
        problem,
      );
    }
    await sleep(POLL_MS);
  }
};

/** Starts the program. The number is told before anything is awaited, so that whoever is interrupted can stop it. */
const launch = async (
  place: ServerPlace,
  binaries: Binaries,
  log: number,
  onServer: (server: ServerProcess) => void,
): Promise<ServerProcess> => {
  const { dataArgument, options } = onCluster(place.cluster, place.user);
  const args = ["-D", dataArgument, "-k", place.socketDirectory, ...settingArguments()];
  // A session of its own: Ctrl-C in the terminal is for us, we stop the server in our own time.
  const child = spawn(binaries.postgres, args, { ...options, detached: true, stdio: ["ignore", log, log] });
  if (child.pid !== undefined) onServer({ pid: child.pid, started: undefined });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", (cause) => reject(failed(`could not run ${binaries.postgres}: ${cause.message}`, cause)));
  child.once("spawn", () => resolve(child.pid ?? 0));
  child.unref(); // it must not keep us alive; the supervisor watches the number
  const pid = await promise;
  const server = { pid, started: (await running(pid))?.started };
  onServer(server);
  return server;
};

/**
 * The running server of the cluster, started when there is none. Only for the owner. `onServer` hears which process it is as soon
 * as there is one.
 */
export const ensureRunning = async (
  place: ServerPlace,
  onServer: (server: ServerProcess) => void,
  signal: AbortSignal,
): Promise<{ readonly socketDirectory: string; readonly adopted: boolean }> => {
  const found = await findPostmaster(place.cluster);
  if (found !== undefined) {
    // The server of an owner that was killed. Its socket may lie elsewhere, when TMPDIR was another.
    const socketDirectory = found.socketDirectory === "" ? place.socketDirectory : found.socketDirectory;
    onServer(found);
    const state = await ready(found, socketDirectory, signal);
    if (state === "ready") return { socketDirectory, adopted: true };
    if (state === "no socket") await stopServer(found);
  }
  const deadline = Date.now() + LEFTOVERS_MS;
  // Looked at each time: what tidies up a temporary directory may have taken the copy or the socket's directory.
  const binaries = await findBinaries(place.user, place.cacheParents);
  await makeSocketDirectory(place.socketDirectory, place.user);
  const log = await openServerLog(place.log);
  try {
    for (;;) {
      await clearStaleLocks(place.cluster, place.socketDirectory);
      const { size } = await log.stat();
      signal.throwIfAborted(); // right before the start: an interrupted caller will not stop what starts later
      const server = await launch(place, binaries, log.fd, onServer);
      if ((await ready(server, place.socketDirectory, signal)) === "ready") {
        return { socketDirectory: place.socketDirectory, adopted: false };
      }
      const said = await logSince(log, size);
      if (!LEFTOVERS.test(said) || Date.now() > deadline) {
        throw failed(`the server ended at once, see ${place.log}: ${causeLine(said)}`);
      }
      await sleep(POLL_MS * 5);
    }
  } finally {
    await log.close();
  }
};

const gone = async (server: ServerProcess, withinMs: number): Promise<boolean> => {
  const deadline = Date.now() + withinMs;
  while (await isPostmaster(server)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
};

const FAST = ["SIGINT", FAST_STOP_MS] as const;
const IMMEDIATE = ["SIGQUIT", IMMEDIATE_STOP_MS] as const;

const stopBy = async (
  server: ServerProcess,
  ways: ReadonlyArray<readonly [signal: NodeJS.Signals, withinMs: number]>,
): Promise<void> => {
  for (const [signal, withinMs] of ways) {
    if (!(await isPostmaster(server))) return;
    process.kill(server.pid, signal);
    if (await gone(server, withinMs)) return;
  }
  throw failed(`the server (process ${server.pid}) does not stop: look into its log`);
};

/** Fast shutdown; when it takes too long an immediate one, which costs a recovery at the next start but no data. */
export const stopServer = (server: ServerProcess): Promise<void> => stopBy(server, [FAST, IMMEDIATE]);

/** At once, without writing anything more to the cluster: it belongs to somebody else by now. */
export const abandonServer = (server: ServerProcess): Promise<void> => stopBy(server, [IMMEDIATE]);

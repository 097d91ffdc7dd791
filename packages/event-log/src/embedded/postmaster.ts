import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Running, running, startSeconds } from "./process.ts";
import { SOCKET_FILE } from "./socket-directory.ts";

/** A main process of PostgreSQL. */
export interface ServerProcess {
  readonly pid: number;
  /** As `running` tells it, so that another server with the same number is not taken for this one. Undefined: not known yet. */
  readonly started: string | undefined;
}

/** The server's main process, as its own lock file tells. */
export interface Postmaster extends ServerProcess {
  readonly socketDirectory: string;
}

const PID_FILE = "postmaster.pid";
/** Lines of the file (PostgreSQL: miscadmin.h). */
const LINE_PID = 0;
const LINE_START_SECONDS = 2;
const LINE_SOCKET_DIRECTORY = 4;

/** The file is written within a second of the start; a clock that is set at that moment may make it some more. */
const START_TOLERANCE_S = 5;

const isServer = (found: Running | undefined): found is Running => found?.name === "postgres";

/** Running still, and not another program or another server that got its number meanwhile. */
export const isPostmaster = async ({ pid, started }: ServerProcess): Promise<boolean> => {
  const found = await running(pid);
  return isServer(found) && (started === undefined || found.started === started);
};

/**
 * Whether a server works on this cluster and not on another: in a container numbers are small and come again, so that the
 * number in a file which a killed container left may be another server's now. PostgreSQL stands in its data directory all its
 * life. Where that is hidden from us (root without CAP_SYS_PTRACE, macOS) its start must be the one that the file tells.
 */
const worksOn = async (cluster: string, pid: number, found: Running, startedInFile: number): Promise<boolean> => {
  const [stands, wanted] = await Promise.all([
    stat(`/proc/${pid}/cwd`).catch(() => undefined),
    stat(cluster).catch(() => undefined),
  ]);
  if (stands !== undefined && wanted !== undefined) return stands.ino === wanted.ino && stands.dev === wanted.dev;
  const started = await startSeconds(found);
  return started === undefined || Number.isNaN(startedInFile) || Math.abs(started - startedInFile) <= START_TOLERANCE_S;
};

/** The running server of this cluster. */
export const findPostmaster = async (cluster: string): Promise<Postmaster | undefined> => {
  const text = await readFile(join(cluster, PID_FILE), "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  });
  const lines = text?.split("\n") ?? [];
  const pid = Number(lines[LINE_PID]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const found = await running(pid);
  if (!isServer(found) || !(await worksOn(cluster, pid, found, Number(lines[LINE_START_SECONDS] ?? Number.NaN)))) {
    return undefined;
  }
  return { pid, started: found.started, socketDirectory: lines[LINE_SOCKET_DIRECTORY] ?? "" };
};

/**
 * Removes the lock files of a server that has ended: that of the cluster and that of the socket. PostgreSQL does so itself, except when
 * the number lives on: as a zombie that nobody reaps (a container whose first process does not), or as another program of
 * the same user. It is safe for the owner to do: a server whose children still run is also known by its shared memory,
 * and refuses to start.
 */
export const clearStaleLocks = async (cluster: string, socketDirectory: string): Promise<void> => {
  if ((await findPostmaster(cluster)) !== undefined) return;
  const socket = join(socketDirectory, SOCKET_FILE);
  for (const path of [join(cluster, PID_FILE), `${socket}.lock`, socket]) await rm(path, { force: true });
};

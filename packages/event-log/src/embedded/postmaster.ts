import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { running } from "./process.ts";

/** The server's main process, as its own lock file tells. */
export interface Postmaster {
  readonly pid: number;
  readonly socketDirectory: string;
}

const PID_FILE = "postmaster.pid";
/** Lines of the file (PostgreSQL: miscadmin.h). */
const LINE_PID = 0;
const LINE_SOCKET_DIRECTORY = 4;

/** Running, and no other program that got its number meanwhile. */
export const isPostmaster = async (pid: number): Promise<boolean> => (await running(pid))?.name === "postgres";

/** The running server of this cluster. */
export const findPostmaster = async (cluster: string): Promise<Postmaster | undefined> => {
  const text = await readFile(join(cluster, PID_FILE), "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  });
  const lines = text?.split("\n") ?? [];
  const pid = Number(lines[LINE_PID]);
  const socketDirectory = lines[LINE_SOCKET_DIRECTORY] ?? "";
  if (!Number.isInteger(pid) || pid <= 0 || !(await isPostmaster(pid))) return undefined;
  return { pid, socketDirectory };
};

/**
 * Removes the lock file of a server that has ended. PostgreSQL does so itself, except when the number lives on: as a
 * zombie that nobody reaps (a container whose first process does not), or as another program of the same user. It
 * is safe for the owner to do: a server whose children still run is also known by its shared memory, and refuses to start.
 */
export const clearStalePidFile = async (cluster: string): Promise<void> => {
  if ((await findPostmaster(cluster)) === undefined) await rm(join(cluster, PID_FILE), { force: true });
};

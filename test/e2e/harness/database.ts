import { glob, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

/**
 * Ends the embedded PostgreSQL of a data directory where a killed `dray up` left it running: by the pid in its own
 * `postmaster.pid`, after a look at what that process is. Nothing happens where none runs.
 */
export const stopDatabase = async (dataDir: string): Promise<void> => {
  for (const pid of await databasePids(dataDir)) {
    process.kill(pid, "SIGINT"); // fast shutdown
    await waitFor(async () => !(await isPostgres(pid)), { what: `PostgreSQL ${pid} to end`, withinMs: 20_000 });
  }
};

/** User ids that the running embedded PostgreSQL of a data directory runs as. */
export const databaseUsers = async (dataDir: string): Promise<ReadonlyArray<number>> =>
  Promise.all((await databasePids(dataDir)).map(async (pid) => (await stat(`/proc/${pid}`)).uid));

const databasePids = async (dataDir: string): Promise<ReadonlyArray<number>> => {
  const running: number[] = [];
  for (const file of await pidFiles(dataDir)) {
    const pid = Number((await readFile(file, "utf8").catch(() => "")).split("\n")[0]);
    if (Number.isInteger(pid) && pid > 1 && (await isPostgres(pid))) running.push(pid);
  }
  return running;
};

const isPostgres = async (pid: number): Promise<boolean> =>
  (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).includes("postgres");

/** The cluster lies somewhere below `dataDir`, not deep. */
const pidFiles = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  const found: string[] = [];
  for await (const file of glob("{,*/,*/*/}postmaster.pid", { cwd: dataDir })) found.push(join(dataDir, file));
  return found;
};

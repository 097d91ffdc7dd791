import { execFile } from "node:child_process";
import { chmod, chown, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Binaries } from "./binaries.ts";
import { causeLine, EmbeddedError } from "./errors.ts";
import type { ServerUser } from "./server-user.ts";

const run = promisify(execFile);

/** Where things are under a data directory. */
export const layoutOf = (dataDir: string) => ({
  /** Ours: the owner lock. */
  home: join(dataDir, "postgres"),
  /** The server's own: PostgreSQL's data directory. */
  cluster: join(dataDir, "postgres", "cluster"),
  log: join(dataDir, "log", "postgres.log"),
});

/**
 * How to start a program of PostgreSQL on a cluster, as the server's user. As root the parents of the data directory may
 * be closed to that user (root's home is 0700), so on Linux the program is started inside the directory, which needs no
 * way to it, and is told that its data directory is where it stands. PostgreSQL stands there all its life anyway.
 */
export const onCluster = (cluster: string, user: ServerUser | undefined) => ({
  dataArgument: user !== undefined && process.platform === "linux" ? "/proc/self/cwd" : cluster,
  options: {
    ...user,
    cwd: cluster,
    // Nothing of our environment: PGDATA, PGPORT, LD_PRELOAD and secrets are not the server's business.
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" },
  },
});

const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
};

/** Makes the cluster where there is none; it appears under its name only when it is complete. Only for the owner. */
export const ensureCluster = async (
  cluster: string,
  binaries: Binaries,
  user: ServerUser | undefined,
): Promise<void> => {
  const held = await readFile(join(cluster, "PG_VERSION"), "utf8").catch(() => undefined);
  if (held !== undefined) {
    if (held.trim() === binaries.major) return;
    throw new EmbeddedError({
      step: "initdb",
      detail: `${cluster} was made by PostgreSQL ${held.trim()}, we bring ${binaries.major}: run the version of Drayage that made it, and move the data with a dump`,
    });
  }
  const there = await stat(cluster).catch(() => undefined);
  if (there !== undefined) {
    throw new EmbeddedError({ step: "initdb", detail: `${cluster} exists and is no PostgreSQL cluster: move it away` });
  }
  const apart = `${cluster}.new`;
  await rm(apart, { recursive: true, force: true }); // a start that was killed left it
  await mkdir(apart, { mode: 0o700 });
  await chmod(apart, 0o700); // whatever the umask
  if (user !== undefined) await chown(apart, user.uid, user.gid);
  const { dataArgument, options } = onCluster(apart, user);
  const args = ["-D", dataArgument, "-U", "postgres", "--encoding=UTF8"];
  // `trust` is for the socket only, which lies in a directory closed to others. The builtin locale sorts the same on
  // every machine, so indexes outlive an upgrade of the system.
  args.push("--auth=trust", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8");
  await run(binaries.initdb, args, options).catch((cause: unknown) => {
    throw new EmbeddedError({ step: "initdb", detail: `could not make ${cluster}: ${causeLine(cause)}`, cause });
  });
  await rename(apart, cluster);
  await syncDirectory(dirname(cluster));
};

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findBinaries } from "../embedded/binaries.ts";
import { ensureCluster, layoutOf } from "../embedded/cluster.ts";
import { SERVER_USERS, serverUser } from "../embedded/server-user.ts";

const run = promisify(execFile);
const MAKER = new URL("../embedded/cluster.ts", import.meta.url);

/** A new cluster that no server has seen yet, made once for all tests of this machine, and anew when the way it is made changes. */
const template = async (): Promise<string> => {
  const made = createHash("sha256").update(await readFile(MAKER));
  const user = await serverUser(join(tmpdir(), "drayage-no-cluster"), SERVER_USERS);
  const binaries = await findBinaries(user);
  const key = made.update(`${binaries.postgres} ${binaries.major} ${user?.uid}`).digest("hex").slice(0, 12);
  const path = join(tmpdir(), `drayage-test-cluster-${process.geteuid?.()}-${key}`);
  if (await exists(join(path, "cluster"))) return join(path, "cluster");
  const apart = `${path}.${randomBytes(6).toString("hex")}`;
  await mkdir(apart);
  await chmod(apart, 0o755); // the server's user makes the cluster in it
  await ensureCluster(join(apart, "cluster"), binaries, user);
  // Another test file may have been first.
  await rename(apart, path).catch(() => rm(apart, { recursive: true, force: true }));
  return join(path, "cluster");
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Puts a new cluster into an empty data directory: half the work of making one, of which the tests need dozens. */
export const seedCluster = async (dataDir: string): Promise<void> => {
  const { cluster } = layoutOf(dataDir);
  await mkdir(dirname(cluster), { recursive: true, mode: 0o700 });
  await run("cp", ["-a", await template(), cluster]);
};

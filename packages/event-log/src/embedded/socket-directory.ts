import { createHash } from "node:crypto";
import { chown, lstat, mkdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedError } from "./errors.ts";
import type { ServerUser } from "./server-user.ts";

/** Only names the socket file: the server listens on no network. Fixed, so that PGPORT in the environment means nothing. */
export const SOCKET_PORT = 5432;
/** `sun_path` holds 108 bytes on Linux and 104 on macOS, one of them the final zero. */
const SOCKET_PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;
/** What PostgreSQL calls its socket; the lock file beside it has `.lock` at the end. */
export const SOCKET_FILE = `.s.PGSQL.${SOCKET_PORT}`;
const SOCKET_FILE_BYTES = `/${SOCKET_FILE}`.length;

/** The place for the socket: short, so not in the data directory, whose path may be long and closed to the server's user. */
export const socketDirectoryOf = (dataDir: string, uid: number): string => {
  const name = `drayage-${uid}-${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`;
  const fits = (dir: string): boolean => Buffer.byteLength(dir) + SOCKET_FILE_BYTES <= SOCKET_PATH_BYTES_MAX;
  const usual = join(tmpdir(), name);
  return fits(usual) ? usual : join("/tmp", name);
};

/**
 * Who may enter this directory may be superuser of the database (`trust`), and who owns it may put up a false server:
 * so it must be a directory, no link, of the server's user, closed to all others.
 */
export const checkSocketDirectory = async (path: string, uid: number): Promise<EmbeddedError | undefined> => {
  const found = await lstat(path);
  const wrong = (what: string): EmbeddedError =>
    new EmbeddedError({ step: "sockets", detail: `${path} ${what}: remove it if it is yours, or set TMPDIR` });
  if (!found.isDirectory()) return wrong("is not a directory");
  if (found.uid !== uid) return wrong(`belongs to user id ${found.uid}, not to ${uid}`);
  if ((found.mode & 0o077) !== 0) return wrong(`is open to others (mode ${(found.mode & 0o777).toString(8)})`);
  return undefined;
};

export const makeSocketDirectory = async (path: string, user: ServerUser | undefined): Promise<void> => {
  const own = process.geteuid?.() ?? -1;
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
  if (user !== undefined) {
    // Ours (new, or left by a start that was killed right here) is handed on; anybody else's is left as it is.
    const found = await lstat(path);
    if (found.isDirectory() && found.uid === own) await chown(path, user.uid, user.gid);
  }
  const wrong = await checkSocketDirectory(path, user?.uid ?? own);
  if (wrong !== undefined) throw wrong;
};

/** After the server has taken its socket away. What is not empty or not ours to remove is left: it is looked at before it is used again. */
export const removeSocketDirectory = (path: string): Promise<void> => rmdir(path).catch(() => {});

/** Whether the socket is where it was made. What tidies up a temporary directory may have taken it: then nobody gets in any more. */
export const hasSocket = (path: string): Promise<boolean> =>
  lstat(join(path, SOCKET_FILE)).then(
    () => true,
    () => false,
  );

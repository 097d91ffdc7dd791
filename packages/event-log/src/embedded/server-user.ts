import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { EmbeddedError } from "./errors.ts";

/** Whom the server runs as, when that is not ourselves. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** As root, the first of these that exists: PostgreSQL refuses to run as root. */
export const SERVER_USERS: ReadonlyArray<string> = ["postgres", "nobody"];

const run = promisify(execFile);
const failed = (detail: string): EmbeddedError => new EmbeddedError({ step: "user", detail });

/** Asks the name service; where there is no `id` (a distroless image), the file. */
const lookUp = async (name: string): Promise<ServerUser | undefined> => {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) return undefined;
    const lines = (await readFile("/etc/passwd", "utf8").catch(() => "")).split("\n");
    const fields = lines.map((line) => line.split(":")).find(([user]) => user === name);
    return fields === undefined ? undefined : { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
};

const describe = (uid: number): string => (uid === 0 ? "root" : `user id ${uid}`);

/**
 * Undefined: as ourselves. A cluster that exists is run by the user who owns it, whatever users there are by now.
 */
export const serverUser = async (cluster: string, users: ReadonlyArray<string>): Promise<ServerUser | undefined> => {
  const own = process.geteuid?.();
  if (own === undefined) throw failed("Windows is not supported: use a PostgreSQL server");
  const owner = await stat(cluster).catch(() => undefined);
  if (own !== 0) {
    if (owner === undefined || owner.uid === own) return undefined;
    throw failed(
      `${cluster} belongs to ${describe(owner.uid)}, and we are ${describe(own)}: run as that user or as root`,
    );
  }
  if (owner !== undefined) {
    if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
    throw failed(
      `${cluster} belongs to root, and PostgreSQL does not run as root: give it to another user with chown -R`,
    );
  }
  for (const name of users) {
    const found = await lookUp(name);
    if (found !== undefined && found.uid !== 0) return found;
  }
  throw failed(
    `PostgreSQL does not run as root, and none of the users ${users.join(", ")} exists: create one, or run as another user`,
  );
};

/**
 * Who owns the embedded server of a directory. Only the owner starts, respawns and stops the server (DESIGN.md section 9).
 *
 * Node has no flock, a lock file outlives a killed process, and removing a stale one is a race: of two processes that
 * both saw it stale, the slower removes the lock of the faster. So nothing stale is ever removed to make room. The lock
 * is a row of files `owner.1`, `owner.2`, …: the highest number counts. Who finds its holder dead (or the lock
 * released) makes the next number with link(2), which succeeds for one process only, and then looks again: a higher
 * number beats it. The highest file is never deleted, so numbers never start again.
 *
 * A holder is known by pid and start time, so a reused pid is not mistaken for it. Of a holder in another container or
 * on another machine only the heartbeat (the file's mtime) tells.
 */
import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseOwner } from "../wire.ts";
import { lifeOf, ownIdentity, type ProcessIdentity } from "./process.ts";

export interface OwnerLock {
  /** Says that we live, and whether we still own. Call every `HEARTBEAT_MS`. */
  readonly beat: () => Promise<boolean>;
  readonly release: () => Promise<void>;
}

export const HEARTBEAT_MS = 5_000;
/** Six heartbeats: a machine under load may miss some. So long a start waits after the kill of a whole container. */
export const FOREIGN_STALE_MS = 30_000;
/** Losing this race again and again means that somebody else won, which the next look shows. */
const ATTEMPTS_MAX = 100;

const FILE = /^owner\.(\d+)$/;
const fileOf = (dir: string, generation: number): string => join(dir, `owner.${generation}`);

const generations = async (dir: string): Promise<ReadonlyArray<number>> =>
  (await readdir(dir)).flatMap((name) => {
    const digits = FILE.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
const highest = async (dir: string): Promise<number> => Math.max(0, ...(await generations(dir)));

type Holder = { readonly _tag: "Free" } | { readonly _tag: "Held"; readonly pid: number; readonly foreign: boolean };

/** Whether the lock of this generation holds somebody off. */
const holderOf = async (path: string, own: ProcessIdentity): Promise<Holder> => {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return { _tag: "Free" }; // overtaken meanwhile: making the next number will show it
  const owner = parseOwner(text);
  if (owner._tag === "Released") return { _tag: "Free" };
  const pid = owner._tag === "Owner" ? owner.pid : 0;
  const life = owner._tag === "Owner" ? await lifeOf(owner, own) : "unknown";
  if (life === "dead") return { _tag: "Free" };
  if (life === "alive") return { _tag: "Held", pid, foreign: false };
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs > FOREIGN_STALE_MS ? { _tag: "Free" } : { _tag: "Held", pid, foreign: true };
};

const writeApart = async (dir: string, content: unknown): Promise<string> => {
  const path = join(dir, `owner-new-${process.pid}-${randomBytes(6).toString("hex")}`);
  await writeFile(path, JSON.stringify(content), { mode: 0o600, flag: "wx" });
  return path;
};

/** Makes the file of this generation, complete from the first moment on; false when somebody else has made it. */
const create = async (dir: string, generation: number, own: ProcessIdentity): Promise<boolean> => {
  const apart = await writeApart(dir, own);
  try {
    await link(apart, fileOf(dir, generation));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(apart, { force: true });
  }
};

const lockOf = (dir: string, generation: number): OwnerLock => ({
  beat: async () => {
    if ((await highest(dir)) !== generation) return false;
    const now = new Date();
    await utimes(fileOf(dir, generation), now, now);
    return true;
  },
  release: async () => {
    if ((await highest(dir)) !== generation) return;
    await rename(await writeApart(dir, { released: true }), fileOf(dir, generation));
  },
});

/** The lock, or who has it. Never waits. */
export const tryOwnerLock = async (
  dir: string,
): Promise<OwnerLock | { readonly pid: number; readonly foreign: boolean }> => {
  const own = await ownIdentity();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const last = await highest(dir);
    const holder: Holder = last === 0 ? { _tag: "Free" } : await holderOf(fileOf(dir, last), own);
    if (holder._tag === "Held") return holder;
    const mine = last + 1;
    if (!(await create(dir, mine, own))) continue;
    const all = await generations(dir);
    if (Math.max(...all) !== mine) {
      // A process that is far ahead has already tidied up after `last`; its number is above ours.
      await rm(fileOf(dir, mine), { force: true });
      continue;
    }
    for (const old of all) if (old < mine) await rm(fileOf(dir, old), { force: true });
    return lockOf(dir, mine);
  }
  throw new Error(`could not settle who owns ${dir}`);
};

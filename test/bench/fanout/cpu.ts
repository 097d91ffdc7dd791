import { readdir, readFile } from "node:fs/promises";

/** Linux counts in hundredths of a second for all programs (USER_HZ), whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/** Fields of `/proc/PID/stat` behind the name, which may hold spaces: proc(5). */
const FIELD = { parent: 1, user: 11, system: 12, endedUser: 13, endedSystem: 14 } as const;

const statOf = async (pid: number | string): Promise<ReadonlyArray<number> | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  return stat
    ?.slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
};

/** Seconds of CPU of a process, its children that live, and its children that ended; 0 on systems without proc(5). Of a busy machine this tells more than the clock. */
export const cpuSeconds = async (pid: number): Promise<number> => {
  const own = await statOf(pid);
  const names = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const children = (await Promise.all(names.map(statOf))).filter((stat) => stat?.[FIELD.parent] === pid);
  const at = (stat: ReadonlyArray<number> | undefined, ...fields: ReadonlyArray<number>): number =>
    fields.reduce((sum, field) => sum + (stat?.[field] ?? 0), 0);
  const ended = at(own, FIELD.endedUser, FIELD.endedSystem);
  const living = [own, ...children].reduce((sum, stat) => sum + at(stat, FIELD.user, FIELD.system), 0);
  return (ended + living) / TICKS_PER_SECOND;
};

import { readdir, readFile } from "node:fs/promises";

/** Seconds of CPU, user and system. */
export interface Cpu {
  /** Of the process itself, all threads. */
  readonly own: number;
  /** Of all below it, those that have ended as well: its database. */
  readonly below: number;
}

/** proc(5) counts in ticks of 10 ms on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly own: number;
  /** With the children that have ended. */
  readonly withEnded: number;
}

/** Not a number where the system has no /proc. */
export const cpuOf = async (pid: number): Promise<Cpu> => {
  const all = await processes();
  const top = all.find((process) => process.pid === pid);
  if (top === undefined) return { own: Number.NaN, below: Number.NaN };
  const below = descendants(all, pid).reduce((sum, process) => sum + process.withEnded, 0);
  return { own: top.own, below: below + top.withEnded - top.own };
};

const descendants = (all: ReadonlyArray<Process>, pid: number): ReadonlyArray<Process> =>
  all
    .filter(({ parent }) => parent === pid)
    .flatMap((child): ReadonlyArray<Process> => [child, ...descendants(all, child.pid)]);

const processes = async (): Promise<ReadonlyArray<Process>> => {
  const names = await readdir("/proc").catch(() => []);
  const read = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => processOf(Number(name))));
  return read.filter((process) => process !== undefined);
};

const processOf = async (pid: number): Promise<Process | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  if (stat === undefined) return undefined; // ended meanwhile
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const seconds = (field: number): number => Number(fields[field]) / TICKS_PER_SECOND;
  const own = seconds(11) + seconds(12);
  return { pid, parent: Number(fields[1]), own, withEnded: own + seconds(13) + seconds(14) };
};

import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";

/** A process that can be told from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in whatever unit the system tells; only compared for equality. */
  readonly started: string;
  /** The boot and the pid namespace in which `pid` has a meaning. From another one, nothing can be said about it. */
  readonly space: string;
}

export interface Running {
  readonly started: string;
  /** Name of the program, at most 15 characters. */
  readonly name: string;
}

const run = promisify(execFile);

/** Field numbers of proc(5), counted from the state, which is the first after the name in brackets. */
const STATE = 0;
const START_TIME = 19;

/** The running process of this id. A zombie has ended, though `kill(pid, 0)` still finds it. */
export const running = async (pid: number): Promise<Running | undefined> => {
  if (process.platform !== "linux") return runningByPs(pid);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  const nameEnd = stat.lastIndexOf(")"); // a name may hold brackets and blanks
  const fields = stat.slice(nameEnd + 2).split(" ");
  if ("ZXx".includes(fields[STATE] ?? "Z")) return undefined;
  return { started: fields[START_TIME] ?? "", name: stat.slice(stat.indexOf("(") + 1, nameEnd) };
};

/** Where there is no /proc (macOS). */
const runningByPs = async (pid: number): Promise<Running | undefined> => {
  const listed = await run("ps", ["-o", "stat=,lstart=,comm=", "-p", String(pid)], { env: { LC_ALL: "C" } }).catch(
    () => undefined,
  );
  const [, state, started, path] =
    /^(\S+)\s+(\w+ +\w+ +\d+ [\d:]+ \d+)\s+(.*)$/.exec(listed?.stdout.trim() ?? "") ?? [];
  if (state === undefined || started === undefined || path === undefined || state.startsWith("Z")) return undefined;
  return { started, name: path.split("/").pop() ?? "" };
};

/** Ticks of proc(5) in a second, as every Linux tells them to programs. */
const TICKS = 100;

/** When it started, in seconds since 1970 by the clock of now; undefined where the system does not tell. */
export const startSeconds = async ({ started }: Running): Promise<number | undefined> => {
  if (process.platform !== "linux") return knownNumber(Date.parse(started) / 1000);
  const text = await readFile("/proc/stat", "utf8").catch(() => "");
  return knownNumber(Number(/^btime (\d+)$/m.exec(text)?.[1]) + Number(started) / TICKS);
};
const knownNumber = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);

const ownSpace = async (): Promise<string> => {
  if (process.platform !== "linux") return hostname();
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  return `${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
};

export const ownIdentity = async (): Promise<ProcessIdentity> => ({
  pid: process.pid,
  started: (await running(process.pid))?.started ?? "",
  space: await ownSpace(),
});

/** `unknown`: it belongs to another container or machine, where only its heartbeat can tell. */
export const lifeOf = async (other: ProcessIdentity, own: ProcessIdentity): Promise<"alive" | "dead" | "unknown"> => {
  if (other.space !== own.space) return "unknown";
  return (await running(other.pid))?.started === other.started ? "alive" : "dead";
};

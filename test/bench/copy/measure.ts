import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A program with its arguments and what it needs in its environment. */
export interface Command {
  readonly file: string;
  readonly args: ReadonlyArray<string>;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** What one run cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** Of the process and all that it started. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const SAMPLE_EVERY_MS = 5;
/** proc(5) counts in ticks of 10 ms on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Runs a command to its end; its output goes to `log`. Rejects when it fails: a peer that did not do the work is not measured. */
export const measure = async (command: Command, log: string): Promise<Cost> => {
  const output = openSync(log, "w");
  const startedAt = performance.now();
  const child = spawn(command.file, [...command.args], {
    env: { ...process.env, ...command.env },
    stdio: ["ignore", output, output],
  });
  const ended = exitOf(child);
  let running = true;
  let wallSeconds = 0;
  const code = ended.finally(() => {
    wallSeconds = (performance.now() - startedAt) / 1000;
    running = false;
  });
  const seen = { cpuSeconds: 0, peakBytes: 0 };
  while (running) {
    sample(child.pid ?? 0, seen);
    await Promise.race([sleep(SAMPLE_EVERY_MS), code.catch(() => undefined)]);
  }
  closeSync(output);
  const ending = await code;
  if (ending !== 0) {
    const text = readFileSync(log, "utf8").slice(-3000);
    throw new Error(`${command.file} ${command.args.join(" ").slice(0, 300)} ended with ${ending}:\n${text}`);
  }
  return { wallSeconds, ...seen };
};

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code));
  });

const sample = (pid: number, seen: { cpuSeconds: number; peakBytes: number }): void => {
  const children = childrenOf(pid);
  // Children that are waited for are counted with the parent, the others by themselves: the sum only rises.
  const sum = [pid, ...children].reduce((total, each) => total + cpuSeconds(each), 0);
  seen.cpuSeconds = Math.max(seen.cpuSeconds, sum);
  for (const each of [pid, ...children]) seen.peakBytes = Math.max(seen.peakBytes, peakOf(each));
};

/** User and system time of a process and of those children that it has waited for; 0 when it is gone. */
export const cpuSeconds = (pid: number): number => {
  // After the name, which may hold anything: state is the first, utime the 12th field.
  const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  const ticks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
  return ticks / TICKS_PER_SECOND;
};

const childrenOf = (pid: number): ReadonlyArray<number> =>
  read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);

const peakOf = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has ended in between.
  }
};

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that the tests started. It is ended with the test run whatever happens: by its pid, never by its name. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly running: () => boolean;
  /** What it has written so far, both streams. */
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Sends `signal` (default SIGTERM) and waits; SIGKILL when it has not ended by itself in time. */
  readonly stop: (options?: { readonly signal?: NodeJS.Signals; readonly withinMs?: number }) => Promise<Exit>;
}

export interface StartOptions {
  readonly name: string;
  /** Output goes to this file, so that a process that writes much is never held up by us. */
  readonly log: string;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A graceful shutdown finishes what is in flight; longer than this is a fault that the test should show. */
const STOP_WITHIN_MS = 20_000;
/** Enough of a log to understand a failure by. */
const TAIL_CHARACTERS = 6_000;

const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

export const start = async (command: string, args: ReadonlyArray<string>, options: StartOptions): Promise<Child> => {
  const { name, log, cwd, env = process.env } = options;
  await mkdir(dirname(log), { recursive: true });
  const file = openSync(log, "a");
  const child = spawn(command, [...args], { cwd, env, stdio: ["ignore", file, file] });
  closeSync(file);
  started.add(child);
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      started.delete(child);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid: child.pid ?? -1,
    exited,
    running,
    output: () => readFileSync(log, "utf8"),
    kill: (signal) => {
      child.kill(signal);
    },
    stop: async ({ signal = "SIGTERM", withinMs = STOP_WITHIN_MS } = {}) => {
      if (running()) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
};

/** The end of what a process wrote, for the message of a failed wait. */
export const tail = (child: Child): string =>
  `--- last output of ${child.name} (pid ${child.pid}${child.running() ? "" : ", ended"}) ---\n${child.output().slice(-TAIL_CHARACTERS)}`;

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir as osTmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What `embedded-program.ts` says. */
export type Said =
  | { readonly url: string; readonly adopted: boolean }
  | { readonly error: string; readonly message: string };

export interface Program {
  readonly child: ChildProcess;
  readonly said: Said;
  /** Sends the signal and waits for the end. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

const CACHE = join(osTmpdir(), `drayage-test-compile-cache-${process.geteuid?.()}`);

interface Identity {
  readonly uid?: number;
  readonly gid?: number;
  readonly tmpdir?: string;
}

/** Starts a program of this directory with this Node. */
export const spawnProgram = (
  name: string,
  args: ReadonlyArray<string>,
  { tmpdir = process.env["TMPDIR"], ...identity }: Identity = {},
) =>
  spawn(process.execPath, ["--conditions=drayage-source", fileURLToPath(new URL(name, import.meta.url)), ...args], {
    ...identity,
    cwd: "/",
    // The cache halves the start of a program, of which the tests make some dozens.
    env: { PATH: process.env["PATH"], TMPDIR: tmpdir, NODE_COMPILE_CACHE: CACHE },
    stdio: ["ignore", "pipe", "inherit"],
  });

export const runProgram = async (args: ReadonlyArray<string>, identity: Identity = {}): Promise<Program> => {
  const child = spawnProgram("./embedded-program.ts", args, identity);
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const kill = async (signal: NodeJS.Signals): Promise<void> => {
      child.kill(signal);
      await ended;
    };
    return { child, said: JSON.parse(line) as Said, kill };
  }
  throw new Error(`the program ended without a word: ${await ended}`);
};

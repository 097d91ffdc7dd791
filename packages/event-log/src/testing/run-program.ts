import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir as osTmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openCheckout, openPath } from "./open-checkout.ts";

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

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Starts a program of this directory with this Node. `directory`: where another user can read this one, see `openCheckout`. */
export const spawnProgram = (
  name: string,
  args: ReadonlyArray<string>,
  { tmpdir = process.env["TMPDIR"], ...identity }: Identity = {},
  directory = HERE,
) =>
  spawn(openPath(process.execPath, directory), ["--conditions=drayage-source", join(directory, name), ...args], {
    ...identity,
    cwd: "/",
    // The cache halves the start of a program, of which the tests make some dozens.
    env: { PATH: process.env["PATH"], TMPDIR: tmpdir, NODE_COMPILE_CACHE: CACHE },
    stdio: ["ignore", "pipe", "inherit"],
  });

export const runProgram = async (args: ReadonlyArray<string>, identity: Identity = {}): Promise<Program> => {
  const directory = identity.uid === undefined ? HERE : await openCheckout();
  const child = spawnProgram("./embedded-program.ts", args, identity, directory);
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

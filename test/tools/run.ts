import { execFile } from "node:child_process";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The listing of a large Debian mirror is some hundred kilobytes; everything else is small. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
/** A slow mirror may need minutes for its package lists; a command that hangs must end some time. */
const TIMEOUT_MS = 600_000;

export interface RunOptions {
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Runs a command to its end. Never throws: a command that cannot be started has the code 127, one that was killed 128. */
export const run = (command: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ran> => {
  const { cwd, env = process.env, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { cwd, env, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ code: 0, stdout, stderr });
        const code = typeof error.code === "number" ? error.code : error.code === "ENOENT" ? 127 : 128;
        resolve({ code, stdout, stderr: stderr === "" ? error.message : stderr });
      },
    );
  });
};

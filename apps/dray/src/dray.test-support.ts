import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
/** A command that hangs must not hang the suite. Long beside what any of them takes. */
const MOST_MS = 45_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real `dray` process: nothing of the environment but what a shell needs, and a home without Docker's credentials. */
export interface Dray {
  readonly folder: string;
  /** Runs it to its end. */
  readonly run: (args: ReadonlyArray<string>, more?: RunOptions) => Promise<Ran>;
  /** Starts it and waits for a text on stdout or stderr. */
  readonly start: (args: ReadonlyArray<string>, until: string | RegExp, more?: RunOptions) => Promise<Running>;
}
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself. */
  readonly node?: ReadonlyArray<string>;
  /** Milliseconds until it is taken for hung. Default 45 s. */
  readonly mostMs?: number;
}
export interface Running {
  readonly pid: number;
  readonly said: () => string;
  /** Sends a signal and gives how it ended. */
  readonly stop: (signal: NodeJS.Signals) => Promise<Ran>;
}

/** `dray` in a directory of its own, which goes with the test, or when `whenDone` says so; so does what still runs. */
export const drayHere = async (
  files: Readonly<Record<string, string>> = {},
  whenDone: (clean: () => Promise<void>) => void = onTestFinished,
): Promise<Dray> => {
  const folder = await mkdtemp(join(tmpdir(), "dray-cli-"));
  const children = new Set<ChildProcess>();
  whenDone(async () => {
    await Promise.all([...children].map(ended));
    await rm(folder, { recursive: true, force: true });
  });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);

  const launch = (args: ReadonlyArray<string>, { env = {}, node = [], mostMs = MOST_MS }: RunOptions = {}) => {
    const child = spawn(process.execPath, ["--conditions=drayage-source", ...node, MAIN, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: tmpdir(), NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), mostMs);
    children.add(child);
    const text = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text.stdout += piece;
    });
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      text.stderr += piece;
    });
    const end = new Promise<Ran>((resolve) =>
      child.once("close", (code) => {
        clearTimeout(timer);
        children.delete(child);
        resolve({ code, ...text });
      }),
    );
    return { child, text, end };
  };

  return {
    folder,
    run: (args, more) => launch(args, more).end,
    start: async (args, until, more) => {
      const { child, text, end } = launch(args, more);
      const said = (): string => text.stdout + text.stderr;
      const heard = new Promise<void>((resolve) => {
        const look = (): void => {
          if (said().search(until) >= 0) resolve();
        };
        child.stdout.on("data", look);
        child.stderr.on("data", look);
      });
      const first = await Promise.race([heard, end]);
      if (first !== undefined) throw new Error(`dray ${args.join(" ")} ended with ${first.code}: ${said()}`);
      return {
        pid: child.pid ?? 0,
        said,
        stop: (signal) => {
          child.kill(signal);
          return end;
        },
      };
    },
  };
};

/** First asked, then killed: an embedded database wants to be stopped. */
const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("close", () => resolve());
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 5_000).unref();
  });

/** A port that was free a moment ago, for a server that cannot say which one it took. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

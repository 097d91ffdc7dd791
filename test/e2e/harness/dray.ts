import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { type Ran, run } from "../../tools/run.ts";
import { stopDatabase } from "./database.ts";
import { freePorts } from "./ports.ts";
import { type Child, start, tail } from "./process.ts";
import { Hopeless, waitFor } from "./wait.ts";

/** The root of this checkout. */
export const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
/** From sources: what `npm run --silent dray --` does. The tests run on the Node that npm brings, so that is ours as well. */
export const drayCommand = (checkout: string): ReadonlyArray<string> => [
  "--conditions=drayage-source",
  join(checkout, "apps/dray/src/main.ts"),
];

/** `dray up` as a process of its own, with its configuration, and commands beside it. */
export interface Dray {
  readonly ingestUrl: string;
  readonly adminUrl: string;
  readonly dataDir: string;
  /** Starts `dray up` and waits until both `/readyz` say yes. */
  readonly up: () => Promise<void>;
  /** SIGKILL: no handler runs, the database's processes stay. */
  readonly kill: () => Promise<void>;
  /** SIGTERM: gives how it ended. */
  readonly down: () => Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly child: () => Child;
  /** Any other command on the same configuration, to its end. */
  readonly command: (...args: ReadonlyArray<string>) => Promise<Ran>;
  /** A JSON document of the admin API. */
  readonly admin: (path: string) => Promise<unknown>;
  /** Ends whatever still runs, the database of a killed `dray up` too. */
  readonly dispose: () => Promise<void>;
}

export interface DrayOptions {
  readonly folder: string;
  /** Everything of `drayage.yaml` but ports and `dataDir`. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Another copy of the checkout. */
  readonly checkout?: string | undefined;
  /** Default `<folder>/data`. */
  readonly dataDir?: string | undefined;
}

/** initdb and the first start take about a second; a busy machine with two cores takes several times that. */
const READY_WITHIN_MS = 60_000;
const COMMAND_TIMEOUT_MS = 120_000;

/** Ports are chosen now, so that registries can be told where to send notifications before `up`. */
export const prepareDray = async (options: DrayOptions): Promise<Dray> => {
  const { folder, configuration, checkout = CHECKOUT, dataDir = join(folder, "data") } = options;
  await mkdir(folder, { recursive: true });
  const [ingest = 0, admin = 0] = await freePorts(2);
  const file = join(folder, "drayage.yaml");
  const whole = { version: 1, dataDir, http: { ingest: { port: ingest }, admin: { port: admin } }, ...configuration };
  await writeFile(file, JSON.stringify(whole, null, 2)); // JSON is YAML
  const ingestUrl = `http://127.0.0.1:${ingest}`;
  const adminUrl = `http://127.0.0.1:${admin}`;
  const env = { ...process.env, DRAYAGE_CONFIG: file, ...options.env };
  const log = join(folder, "dray.log");
  let child: Child | undefined;
  const current = (): Child => {
    if (child === undefined) throw new Error("dray up was not started");
    return child;
  };
  return {
    ingestUrl,
    adminUrl,
    dataDir,
    child: current,
    up: async () => {
      const started = await start(process.execPath, [...drayCommand(checkout), "up"], { name: "dray up", log, env });
      child = started;
      await waitFor(
        async () => {
          if (!started.running()) throw new Hopeless("it ended");
          return (await isReady(ingestUrl)) && (await isReady(adminUrl));
        },
        { what: "dray up to be ready", withinMs: READY_WITHIN_MS, explain: () => tail(started) },
      );
    },
    kill: async () => {
      await current().stop({ signal: "SIGKILL" });
    },
    down: () => current().stop(),
    command: (...args) =>
      run(process.execPath, [...drayCommand(checkout), ...args], { env, timeoutMs: COMMAND_TIMEOUT_MS }),
    admin: async (path) => {
      const answer = await request(`${adminUrl}${path}`, { reset: true });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`GET ${path}: ${answer.statusCode} ${text}`);
      return JSON.parse(text) as unknown;
    },
    dispose: async () => {
      if (child?.running() === true) await child.stop();
      await stopDatabase(dataDir);
    },
  };
};

const isReady = async (url: string): Promise<boolean> => {
  const answer = await request(`${url}/readyz`, { reset: true });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${url}/readyz: ${answer.statusCode} ${text}`);
  return true;
};

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect } from "vitest";
import { layoutOf } from "../embedded/cluster.ts";
import { findPostmaster } from "../embedded/postmaster.ts";
import { stopServer } from "../embedded/server.ts";
import { seedCluster } from "./cluster-template.ts";
import { type Program, runProgram, type Said } from "./run-program.ts";

/** A data directory of its own for each test, and all that runs on it: tests can run side by side, and nothing is left behind. */
export class Home {
  dataDir = "";
  readonly #programs: Array<Program> = [];

  static async use(body: (home: Home) => Promise<void>): Promise<void> {
    const home = new Home();
    const dataDir = await mkdtemp(join(tmpdir(), "embedded-"));
    home.dataDir = dataDir;
    try {
      await body(home);
    } finally {
      await home.#close();
      await rm(dataDir, { recursive: true, force: true });
    }
  }
  /** Spares this test the making of a cluster, which others test. */
  seed(): Promise<void> {
    return seedCluster(this.dataDir);
  }
  async start(role: "owner" | "guest", users?: string, identity?: Parameters<typeof runProgram>[1]): Promise<Program> {
    const program = await runProgram([this.dataDir, role, ...(users === undefined ? [] : [users])], identity);
    this.#programs.push(program);
    return program;
  }
  get cluster(): string {
    return layoutOf(this.dataDir).cluster;
  }
  async serverPid(): Promise<number | undefined> {
    return (await findPostmaster(this.cluster))?.pid;
  }
  /** Never 0, which as the target of a signal means ourselves and all our kin. */
  async killServer(): Promise<number> {
    const pid = (await this.serverPid()) ?? expect.unreachable("no server runs");
    process.kill(pid, "SIGKILL");
    return pid;
  }
  async #close(): Promise<void> {
    for (const program of this.#programs) {
      if (program.child.exitCode === null && program.child.signalCode === null) await program.kill("SIGKILL");
    }
    const left = await findPostmaster(this.cluster);
    if (left !== undefined) {
      await stopServer(left);
      await rm(left.socketDirectory, { recursive: true, force: true });
    }
  }
}

export const urlOf = (said: Said): string => ("url" in said ? said.url : expect.unreachable(said.message));
export const errorOf = (said: Said): string => ("error" in said ? said.error : expect.unreachable("it came up"));
export const query = async (url: string, text: string): Promise<ReadonlyArray<unknown>> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query({ text, rowMode: "array" }).finally(() => client.end());
  return rows.flat();
};
/** Until it holds: what another process does is not to be awaited otherwise. */
export const eventually = async <A>(f: () => Promise<A>, holds: (value: A) => boolean): Promise<A> => {
  for (;;) {
    const value = await f().catch(() => undefined);
    if (value !== undefined && holds(value)) return value;
    await sleep(25);
  }
};

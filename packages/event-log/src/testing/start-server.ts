import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Redacted from "effect/Redacted";
import * as Scope from "effect/Scope";
import { layoutOf } from "../embedded/cluster.ts";
import { openEmbedded } from "../embedded/open.ts";
import { findPostmaster, type Postmaster } from "../embedded/postmaster.ts";
import { running } from "../embedded/process.ts";
import { stopServer } from "../embedded/server.ts";
import { SOCKET_FILE } from "../embedded/socket-directory.ts";
import { seedCluster } from "./cluster-template.ts";

/** An embedded server for tests, as durable as in production. */
export interface TestServer {
  /** Of the maintenance database. */
  readonly url: Redacted.Redacted<string>;
  /** Where it listens. */
  readonly socketFile: () => Promise<string>;
  /** SIGKILL of its main process. It is started again at once, on the same files and the same socket, and recovers. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const PREFIX = "drayage-test-";

/** A run that was killed leaves its server and its files. Its successor takes them away. */
const removeLeftovers = async (): Promise<void> => {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!Number.isInteger(pid) || (await running(pid)) !== undefined) continue;
    const dataDir = join(tmpdir(), name);
    const server = await findPostmaster(layoutOf(dataDir).cluster);
    if (server !== undefined) await stopServer(server);
    await rm(dataDir, { recursive: true, force: true });
  }
};

/** Starts one with an empty cluster of its own, which goes with it. */
export const startTestServer = async (): Promise<TestServer> => {
  await removeLeftovers();
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  await seedCluster(dataDir);
  const scope = Scope.makeUnsafe();
  const server = await Effect.runPromise(Scope.provide(openEmbedded({ dataDir, role: "owner" }), scope));
  const stop = async (): Promise<void> => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await rm(dataDir, { recursive: true, force: true });
  };
  const postmaster = async (): Promise<Postmaster> => {
    const found = await findPostmaster(layoutOf(dataDir).cluster);
    if (found === undefined) throw new Error("the server is not running at this moment");
    return found;
  };
  return {
    url: server.url,
    socketFile: async () => join((await postmaster()).socketDirectory, SOCKET_FILE),
    kill: async () => {
      process.kill((await postmaster()).pid, "SIGKILL");
    },
    stop,
  };
};

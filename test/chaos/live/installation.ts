import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestServer, type TestServer } from "@drayage/event-log/testing/server";
import * as Redacted from "effect/Redacted";
import { request } from "undici";
import { CHECKOUT, drayCommand } from "../../e2e/harness/dray.ts";
import { freePorts } from "../../e2e/harness/ports.ts";
import { tail } from "../../e2e/harness/process.ts";
import { type DockerRegistry, startDockerRegistry } from "../../e2e/harness/registry.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { findTools } from "../../tools/find-tools.ts";
import { run } from "../../tools/run.ts";
import { startProxy, type TcpProxy } from "./proxy.ts";
import { type RoleProcess, startRole } from "./roles.ts";

/** Everything on one machine as it would be on many: roles, database server, registries, and proxies between all of them. */
export interface Installation {
  readonly source: DockerRegistry;
  readonly targets: ReadonlyArray<DockerRegistry>;
  readonly database: TestServer;
  readonly roles: ReadonlyArray<RoleProcess>;
  /** Between the roles and `database`, `source` and each target. */
  readonly proxies: ReadonlyMap<string, TcpProxy>;
  /** A JSON document of the admin API. */
  readonly admin: (path: string) => Promise<unknown>;
  /** A command of `dray` to its end; gives what it wrote. */
  readonly command: (...args: ReadonlyArray<string>) => Promise<string>;
  readonly dispose: () => Promise<void>;
}

export const TARGETS = ["east", "west", "north"] as const;
const INGESTS = 2;
const REPLICATORS = 2;
const SECRET = "chaos";
/** Short, so that a deletion is seen to its end. */
const CONFIRM_AFTER = "2s";
/** Never during a run: what arrives there was told by an event, or found by the one reconciliation at the end. */
const NEVER = "0 0 1 1 *";
/** A dozen processes start at once on two processors. */
const READY_WITHIN_MS = 120_000;
const COMMAND_MS = 120_000;

export const openInstallation = async (): Promise<Installation> => {
  const closing: Array<() => Promise<unknown>> = [];
  const dispose = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    return { ...(await open((close) => void closing.push(close))), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
};

const open = async (later: (close: () => Promise<unknown>) => void): Promise<Omit<Installation, "dispose">> => {
  const tools = await findTools();
  const folder = await mkdtemp(join(tmpdir(), "drayage-chaos-"));
  later(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const database = await startTestServer();
  later(database.stop);
  const registry = async (name: string): Promise<DockerRegistry> => {
    const started = await startDockerRegistry({ name, command: tools.dockerRegistry, folder: join(folder, name) });
    later(() => started.stop("SIGKILL"));
    return started;
  };
  const source = await registry("source");
  const targets: Array<DockerRegistry> = [];
  for (const name of TARGETS) targets.push(await registry(name));

  const [admin = 0, ...ingests] = await freePorts(1 + INGESTS);
  const proxies = new Map<string, TcpProxy>();
  const proxied = async (name: string, upstream: Parameters<typeof startProxy>[0]): Promise<number> => {
    const proxy = await startProxy(upstream);
    later(proxy.close);
    proxies.set(name, proxy);
    return proxy.port;
  };
  const socket = await database.socketFile();
  const databasePort = await proxied("database", () => ({ path: socket }));
  const ports = new Map<string, number>();
  for (const { name, port } of [source, ...targets])
    ports.set(name, await proxied(name, () => ({ host: "127.0.0.1", port })));
  let turn = 0;
  const front = await startProxy(() => {
    turn += 1;
    return { host: "127.0.0.1", port: ingests[turn % ingests.length] ?? 0 };
  });
  later(front.close);

  const name = new URL(Redacted.value(database.url)).pathname;
  const common = configuration(`postgres://postgres@127.0.0.1:${databasePort}${name}?sslmode=disable`, ports);
  const fileFor = async (ingest: number): Promise<string> => {
    await mkdir(join(folder, "dray"), { recursive: true });
    const file = join(folder, "dray", `drayage-${ingest}.yaml`);
    const http = { ingest: { port: ingest }, admin: { port: admin } };
    await writeFile(file, JSON.stringify({ ...common, http, dataDir: join(folder, "dray", "data") }, null, 2)); // JSON is YAML
    return file;
  };
  const files = await Promise.all(ingests.map(fileFor));
  const [file = ""] = files;
  const env = { DRAYAGE_CHAOS_SECRET: SECRET, NODE_COMPILE_CACHE: join(folder, "compiled") };
  const roles: Array<RoleProcess> = [];
  const role = async (about: string, command: ReadonlyArray<string>, configured = file): Promise<RoleProcess> => {
    const started = await startRole({ name: about, command, configuration: configured, folder, env });
    later(started.stop);
    roles.push(started);
    return started;
  };
  // First alone: it makes the tables, and the others find them.
  const adminRole = await role("admin", ["admin"]);
  const explain = (): string => tail(adminRole.child());
  await waitFor(() => isReady(admin), { what: "the first role to be ready", withinMs: READY_WITHIN_MS, explain });
  await role("dispatcher", ["dispatcher"]);
  await role("reconciler", ["reconciler"]);
  for (const [n, configured] of files.entries()) await role(`ingest-${n}`, ["ingest"], configured);
  for (const target of TARGETS)
    for (let n = 0; n < REPLICATORS; n += 1)
      await role(`replicator-${target}-${n}`, ["replicator", "--target", target]);
  for (const port of ingests)
    await waitFor(() => isReady(port), { what: "ingest to be ready", withinMs: READY_WITHIN_MS, explain });
  await source.restart({
    notifications: {
      url: `http://127.0.0.1:${front.port}/notifications/source`,
      headers: { Authorization: `Bearer ${SECRET}` },
    },
  });
  return {
    source,
    targets,
    database,
    roles,
    proxies,
    admin: (path) => json(admin, path),
    command: async (...args) => {
      const all = { ...process.env, ...env, DRAYAGE_CONFIG: file };
      const ran = await run(process.execPath, [...drayCommand(CHECKOUT), ...args], { env: all, timeoutMs: COMMAND_MS });
      if (ran.code !== 0) throw new Error(`dray ${args.join(" ")} ended with ${ran.code}: ${ran.stderr}`);
      return ran.stdout;
    },
  };
};

const configuration = (database: string, ports: ReadonlyMap<string, number>) => ({
  version: 1,
  instance: "chaos",
  database,
  registries: Object.fromEntries(
    [...ports].map(([name, port]) => [
      name,
      {
        type: "oci",
        url: `http://127.0.0.1:${port}`,
        auth: "anonymous",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own placeholder
        ...(name === "source" ? { notifications: { secret: "${env:DRAYAGE_CHAOS_SECRET}" } } : {}),
      },
    ]),
  ),
  routes: [
    {
      name: "all",
      from: "source",
      select: { repositories: ["**"], tags: ["*"] },
      to: TARGETS.map((registry) => ({ registry, repository: "copies/{repository}" })),
      deletes: { mode: "mirror", confirmAfter: CONFIRM_AFTER },
    },
  ],
  // Out of the way: this is about processes that die, and not about limits.
  guard: {
    perRepository: { most: 100_000, within: "1h" },
    perTarget: { most: 100_000, within: "1h", fraction: 1 },
  },
  reconcile: { changed: NEVER, full: NEVER },
});

const isReady = async (port: number): Promise<boolean> => {
  const answer = await request(`http://127.0.0.1:${port}/readyz`, { reset: true });
  await answer.body.dump();
  return answer.statusCode === 200;
};
const json = async (port: number, path: string): Promise<unknown> => {
  const answer = await request(`http://127.0.0.1:${port}${path}`, { reset: true });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`GET ${path}: ${answer.statusCode} ${text}`);
  return JSON.parse(text) as unknown;
};

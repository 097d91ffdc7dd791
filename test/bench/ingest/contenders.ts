import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT } from "../../e2e/harness/dray.ts";
import { freePorts } from "../../e2e/harness/ports.ts";
import { type Child, start, tail } from "../../e2e/harness/process.ts";
import { Hopeless, waitFor } from "../../e2e/harness/wait.ts";
import { SECRET } from "./notifications.ts";

/** A server of one of the three ways, running as a process of its own. */
export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly child: Child;
}

export const BARE = "bare node:http";
export const EACH = "one commit a request";
export const DRAYAGE = "drayage ingest";

export interface ContendersOptions {
  /** Which of `bare`, `each` and `drayage`. */
  readonly servers: ReadonlyArray<string>;
  /** Another checkout, whose ingest is measured as well. */
  readonly beside: string | undefined;
  /** Folder for their CPU profiles. */
  readonly profile: string | undefined;
}

/** initdb and a first start, on a busy machine. */
const READY_WITHIN_MS = 60_000;
const SOURCE = "--conditions=drayage-source";

/**
 * Bare node:http, one commit for each request on one connection, Drayage; Drayage of another checkout, where that is asked for. Each database is
 * embedded, fsync on.
 */
export const startContenders = async (
  folder: string,
  { servers, beside, profile }: ContendersOptions,
): Promise<ReadonlyArray<Contender>> => {
  const [bare = 0, each = 0, drayage = 0, other = 0] = await freePorts(4);
  const here = import.meta.dirname;
  const programs = [
    { server: "bare", name: BARE, port: bare, args: [join(here, "bare-server.ts"), `${bare}`] },
    {
      server: "each",
      name: EACH,
      port: each,
      args: [SOURCE, join(here, "commit-each-server.ts"), `${each}`, join(folder, "each")],
    },
    { server: "drayage", name: DRAYAGE, port: drayage, args: await ingestArguments(CHECKOUT, folder, drayage) },
  ].filter(({ server }) => servers.includes(server));
  if (beside !== undefined) {
    const args = await ingestArguments(beside, join(folder, "beside"), other);
    programs.push({ server: "beside", name: `ingest of ${beside}`, port: other, args });
  }
  const contenders: Contender[] = [];
  for (const { name, port, args } of programs) {
    const profiling = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const child = await start(process.execPath, [...profiling, ...args], { name, log: join(folder, `${port}.log`) });
    contenders.push({ name, port, child });
    await listening(child, port);
  }
  return contenders;
};

/** Of the entry of a checkout, with a configuration and a database of its own in `folder`. */
const ingestArguments = async (checkout: string, folder: string, port: number): Promise<ReadonlyArray<string>> => {
  const config = join(folder, "drayage.yaml");
  const artifactory = {
    type: "artifactory",
    url: "https://artifactory.bench.test",
    access: "repository-path",
    auth: "anonymous",
    notifications: { secret: SECRET, scheme: "hmac-sha256" },
  };
  const configuration = {
    version: 1,
    instance: "bench",
    dataDir: join(folder, "drayage"),
    http: { ingest: { port } },
    registries: { artifactory, lab: { type: "oci", url: "http://127.0.0.1:1", auth: "anonymous" } },
    routes: [{ name: "all", from: "artifactory", select: { repositories: ["**"] }, to: [{ registry: "lab" }] }],
  };
  await mkdir(folder, { recursive: true });
  await writeFile(config, JSON.stringify(configuration)); // JSON is YAML
  return [SOURCE, join(checkout, "apps/ingest/src/main.ts"), "--config", config];
};

const listening = (child: Child, port: number): Promise<unknown> =>
  waitFor(
    async () => {
      if (!child.running()) throw new Hopeless("it ended");
      return fetch(`http://127.0.0.1:${port}/healthz`, { method: "POST", body: "{}" }).then(
        () => true,
        () => false,
      );
    },
    { what: `${child.name} to listen`, withinMs: READY_WITHIN_MS, explain: () => tail(child) },
  );

import { writeFile } from "node:fs/promises";
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
  /** Folder for their CPU profiles. */
  readonly profile: string | undefined;
}

/** initdb and a first start, on a busy machine. */
const READY_WITHIN_MS = 60_000;
const SOURCE = "--conditions=drayage-source";

/** All three: bare node:http, one commit for each request on one connection, Drayage. Each database is embedded, fsync on. */
export const startContenders = async (
  folder: string,
  { servers, profile }: ContendersOptions,
): Promise<ReadonlyArray<Contender>> => {
  const [bare = 0, each = 0, drayage = 0] = await freePorts(3);
  const config = join(folder, "drayage.yaml");
  const artifactory = {
    type: "artifactory",
    url: "https://artifactory.bench.test",
    access: "repository-path",
    auth: "anonymous",
    notifications: { secret: SECRET, scheme: "hmac-sha256" },
  };
  const lab = { type: "oci", url: "http://127.0.0.1:1", auth: "anonymous" };
  const configuration = {
    version: 1,
    instance: "bench",
    dataDir: join(folder, "drayage"),
    http: { ingest: { port: drayage } },
    registries: { artifactory, lab },
    routes: [{ name: "all", from: "artifactory", select: { repositories: ["**"] }, to: [{ registry: "lab" }] }],
  };
  await writeFile(config, JSON.stringify(configuration)); // JSON is YAML
  const here = import.meta.dirname;
  const programs = [
    { server: "bare", name: BARE, port: bare, args: [join(here, "bare-server.ts"), `${bare}`] },
    {
      server: "each",
      name: EACH,
      port: each,
      args: [SOURCE, join(here, "commit-each-server.ts"), `${each}`, join(folder, "each")],
    },
    {
      server: "drayage",
      name: DRAYAGE,
      port: drayage,
      args: [SOURCE, join(CHECKOUT, "apps/ingest/src/main.ts"), "--config", config],
    },
  ];
  const contenders: Contender[] = [];
  for (const { name, port, args } of programs.filter(({ server }) => servers.includes(server))) {
    const profiling = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const child = await start(process.execPath, [...profiling, ...args], { name, log: join(folder, `${port}.log`) });
    contenders.push({ name, port, child });
    await waitFor(
      async () => {
        if (!child.running()) throw new Hopeless("it ended");
        return fetch(`http://127.0.0.1:${port}/healthz`, { method: "POST", body: "{}" }).then(
          () => true,
          () => false,
        );
      },
      { what: `${name} to listen`, withinMs: READY_WITHIN_MS, explain: () => tail(child) },
    );
  }
  return contenders;
};

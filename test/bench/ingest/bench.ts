import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Database, layerDatabase } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { BARE, type Contender, DRAYAGE, EACH, startContenders } from "./contenders.ts";
import { cpuOf } from "./cpu.ts";
import { type Loaded, load } from "./load.ts";
import { signedRequests } from "./notifications.ts";

const HELP = `usage: npm run bench -- ingest [options]
Signed notifications through HTTP into the log (HMAC check, validation, durable commit), beside a bare node:http server and a server
that commits each request on one connection; in turn, in one run, each a process of its own with its own database.

  --seconds N      of each run (default 5)
  --rounds N       runs of each contender (default 5)
  --connections N  that send at the same time (default 64)
  --servers LIST   only these of bare, each, drayage
  --beside DIR     another checkout of Drayage, measured as well: before and after in one run
  --profile DIR    CPU profiles of the servers
  --folder DIR     for the databases: on a real disk, where fsync costs what it costs (default: the temporary directory)
  --out FILE       all figures as JSON
`;

interface Run extends Loaded {
  readonly name: string;
  readonly perSecond: number;
  /** CPU for each request: the server's process, its database, and what sends. Not a number where the system has no /proc. */
  readonly serverMicros: number;
  readonly databaseMicros: number;
  readonly senderMicros: number;
}

/** Left out of the figures: just-in-time compilation, the first pages of the database. */
const WARM_UP_SECONDS = 2;

export const bench = async (argv: string[]): Promise<void> => {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "5" },
      connections: { type: "string", default: "64" },
      servers: { type: "string", default: "bare,each,drayage" },
      beside: { type: "string" },
      profile: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const folder = await mkdtemp(join(values.folder, "drayage-bench-"));
  const requests = signedRequests("/notifications/artifactory");
  const connections = Number(values.connections);
  const contenders = await startContenders(folder, {
    servers: values.servers.split(","),
    beside: values.beside,
    profile: values.profile,
  });
  const runs: Run[] = [];
  let acknowledged = 0;
  try {
    for (const { name, port } of contenders) {
      const { accepted } = await load({ port, requests, connections, seconds: WARM_UP_SECONDS });
      if (name === DRAYAGE) acknowledged += accepted;
    }
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const contender of contenders) {
        const run = await measure(contender, () =>
          load({ port: contender.port, requests, connections, seconds: Number(values.seconds) }),
        );
        if (run.name === DRAYAGE) acknowledged += run.accepted;
        runs.push(run);
        process.stderr.write(`${run.name}: ${run.perSecond.toFixed(0)}/s\n`);
      }
    }
    const stored = contenders.some(({ name }) => name === DRAYAGE) ? await storedEvents(join(folder, "drayage")) : 0;
    if (stored !== acknowledged) throw new Error(`${acknowledged} events were acknowledged and ${stored} are stored`);
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.versions.node}`;
    process.stdout.write(report(runs, { machine, connections, stored }));
    if (values.out !== undefined) await writeFile(values.out, JSON.stringify({ machine, connections, stored, runs }));
  } finally {
    for (const { child } of contenders) await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

const measure = async ({ name, child }: Contender, run: () => Promise<Loaded>): Promise<Run> => {
  const before = { server: await cpuOf(child.pid), sender: process.cpuUsage() };
  const loaded = await run();
  const sender = process.cpuUsage(before.sender);
  const server = await cpuOf(child.pid);
  const micros = (seconds: number): number => (seconds / loaded.accepted) * 1e6;
  return {
    name,
    ...loaded,
    perSecond: loaded.accepted / loaded.seconds,
    serverMicros: micros(server.own - before.server.own),
    databaseMicros: micros(server.below - before.server.below),
    senderMicros: (sender.user + sender.system) / loaded.accepted,
  };
};

const storedEvents = (dataDir: string): Promise<number> =>
  Database.pipe(
    Effect.flatMap(({ url }) =>
      Effect.promise(async () => {
        const client = new pg.Client({ connectionString: Redacted.value(url) });
        await client.connect();
        const { rows } = await client.query("select count(*) from event").finally(() => client.end());
        return Number(rows[0].count);
      }),
    ),
    Effect.provide(
      layerDatabase({ database: { _tag: "Embedded", dataDir }, instance: "bench", migrations: [], observer: "guest" }),
    ),
    Effect.runPromise,
  );

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const COLUMNS = [
  ["perSecond", 0],
  ["p50", 1],
  ["p99", 1],
  ["serverMicros", 0],
  ["databaseMicros", 0],
  ["senderMicros", 0],
] as const;

/** Medians; the ratios are the median of those of each round, since the machine changes more than the programs do. */
const report = (
  runs: ReadonlyArray<Run>,
  about: { readonly machine: string; readonly connections: number; readonly stored: number },
): string => {
  const names = [...new Set(runs.map(({ name }) => name))];
  const of = (name: string): ReadonlyArray<Run> => runs.filter((run) => run.name === name);
  const line = (name: string): string => {
    const shown = COLUMNS.map(([key, digits]) => median(of(name).map((run) => run[key])).toFixed(digits));
    return `| ${name} | ${shown.join(" | ")} |`;
  };
  const own = of(DRAYAGE);
  const ratio = (name: string): string =>
    median(own.map((run, round) => run.perSecond / (of(name)[round]?.perSecond ?? Number.NaN))).toFixed(2);
  return [
    `${about.machine}; ${about.connections} connections, ${own.length} rounds, medians; all ${about.stored} acknowledged events are stored`,
    "",
    "| server | requests/s | p50 ms | p99 ms | CPU µs a request: server | its database | what sends |",
    "|---|---|---|---|---|---|---|",
    ...names.map(line),
    "",
    `| ${DRAYAGE} | at least | measured |`,
    "|---|---|---|",
    `| beside one commit a request | 5 | ${ratio(EACH)} |`,
    `| beside bare node:http | 0.25 | ${ratio(BARE)} |`,
    "",
  ].join("\n");
};

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startTcpServer, type TcpServer } from "@drayage/event-log/testing/tcp-server";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { CHECKOUT } from "../../e2e/harness/dray.ts";
import { type Child, start, tail } from "../../e2e/harness/process.ts";
import { claimTimes, type Times } from "./claims.ts";
import { cpuSeconds } from "./cpu.ts";
import { fillLog } from "./log-filler.ts";

const HELP = `usage: npm run bench -- fanout [options]
A log of many events becomes deliveries of many targets, by one dispatcher process on a PostgreSQL server (fsync on); then claims at a large backlog.

  --events N   in the log (default 1000000)
  --before N   events that lie in the log already and were acted on (default 0): what is measured must not depend on it
  --targets N  (default 20)
  --names N    different tags that the events are about (default 10000)
  --backlog N  deliveries that wait while claims are timed (default 1000000)
  --out FILE   all figures as JSON
`;

interface Options {
  readonly events: number;
  readonly before: number;
  readonly targets: number;
  readonly names: number;
  readonly backlog: number;
}
/** How fast the slowest target went through a part of the log, and what an event cost in microseconds of CPU: of the dispatcher and of the server. */
interface Slice {
  readonly upTo: number;
  readonly perSecond: number;
  readonly dispatcherUs: number;
  readonly serverUs: number;
}
interface Figures extends Options {
  readonly machine: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly peakMiB: number;
  readonly slices: ReadonlyArray<Slice>;
  readonly claims: ReadonlyArray<Times>;
}

const SLICES = 10;
const LOOK_EVERY_MS = 50;
/** As of a target that is far behind: a machine ten times as slow still ends. */
const WITHIN_MS = 3 * 3_600_000;

export const bench = async (argv: string[]): Promise<void> => {
  const { values } = parseArgs({
    args: argv,
    options: {
      events: { type: "string", default: "1000000" },
      before: { type: "string", default: "0" },
      targets: { type: "string", default: "20" },
      names: { type: "string", default: "10000" },
      backlog: { type: "string", default: "1000000" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const options: Options = {
    events: Number(values.events),
    before: Number(values.before),
    targets: Number(values.targets),
    names: Number(values.names),
    backlog: Number(values.backlog),
  };
  const folder = await mkdtemp(join(tmpdir(), "drayage-bench-"));
  const server = await startTcpServer(["shared_buffers=128MB"]);
  try {
    const figures = await measure(server, folder, options);
    process.stdout.write(report(figures));
    if (values.out !== undefined) await writeFile(values.out, JSON.stringify(figures));
  } finally {
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  }
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const measure = async (server: TcpServer, folder: string, options: Options): Promise<Figures> => {
  const url = Redacted.value(server.url);
  const config = await configuration(url, folder, options.targets);
  // Makes the tables and ends: what is timed begins with a full log and a dispatcher that starts.
  const first = await dispatcher(folder, config);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await untilThere(first, () => number(client, "select count(*) as n from checkpoint"), options.targets + 1);
    await first.stop();
    say("filling the log");
    await fillLog(client, { ...options, events: options.before });
    await client.query("update checkpoint set position = (select coalesce(max(position), 0) from event)");
    await fillLog(client, options);
    await client.query("vacuum analyze event");
    const head = await number(client, "select max(position) as n from event");
    say("dispatching");
    const started = performance.now();
    const child = await dispatcher(folder, config);
    const slices = await follow(child, server, client, head, options.events);
    const seconds = (performance.now() - started) / 1_000;
    const peakMiB = await peak(child.pid);
    await child.stop();
    const waiting = await number(client, "select count(*) as n from delivery where state = 'pending'");
    const wanted = Math.min(options.names, options.events) * options.targets;
    if (waiting !== wanted) throw new Error(`${wanted} deliveries should wait, ${waiting} do`);
    say("claiming");
    const claims = await claimTimes(url, client, options.backlog);
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.versions.node}`;
    return { ...options, machine, seconds, perSecond: options.events / seconds, peakMiB, slices, claims };
  } finally {
    await client.end();
  }
};

const configuration = async (url: string, folder: string, targets: number): Promise<string> => {
  const registry = (port: number) => ({ type: "oci", url: `http://127.0.0.1:${port}`, auth: "anonymous" });
  const names = Array.from({ length: targets }, (_, n) => `target-${n}`);
  const file = join(folder, "drayage.yaml");
  const whole = {
    version: 1,
    instance: "bench",
    database: url,
    dataDir: join(folder, "data"),
    registries: { source: registry(1), ...Object.fromEntries(names.map((name, n) => [name, registry(n + 2)])) },
    routes: [
      { name: "all", from: "source", select: { repositories: ["**"] }, to: names.map((name) => ({ registry: name })) },
    ],
  };
  await writeFile(file, JSON.stringify(whole)); // JSON is YAML
  return file;
};

const dispatcher = (folder: string, config: string): Promise<Child> => {
  const main = join(CHECKOUT, "apps/dispatcher/src/main.ts");
  const args = ["--conditions=drayage-source", main, "--config", config];
  return start(process.execPath, args, { name: "dispatcher", log: join(folder, "dispatcher.log") });
};

const number = async (client: pg.Client, text: string): Promise<number> =>
  Number((await client.query(text)).rows[0]?.n);

const untilThere = async (child: Child, read: () => Promise<number>, wanted: number): Promise<void> => {
  const until = performance.now() + WITHIN_MS;
  // Right at the beginning the tables are not there yet.
  while ((await read().catch(() => 0)) < wanted) {
    if (!child.running() || performance.now() > until) throw new Error(tail(child));
    await sleep(LOOK_EVERY_MS);
  }
};

/** Until every target is at the head; how fast the slowest went, part by part. */
const follow = async (
  child: Child,
  server: TcpServer,
  client: pg.Client,
  head: number,
  events: number,
): Promise<ReadonlyArray<Slice>> => {
  const SLOWEST = "select min(position) as n from checkpoint where subscriber like 'dispatch/%'";
  const now = async () => ({
    at: performance.now(),
    dispatcher: await cpuSeconds(child.pid),
    server: await cpuSeconds(server.pid()),
  });
  const slices: Slice[] = [];
  let begun = await now();
  for (let n = 1; n <= SLICES; n++) {
    const upTo = Math.round((events * n) / SLICES);
    await untilThere(child, () => number(client, SLOWEST), head - events + upTo);
    const ended = await now();
    const each = SLICES / events;
    slices.push({
      upTo,
      perSecond: 1_000 / ((ended.at - begun.at) * each),
      dispatcherUs: (ended.dispatcher - begun.dispatcher) * 1e6 * each,
      serverUs: (ended.server - begun.server) * 1e6 * each,
    });
    say(sliceLine(slices[n - 1]));
    begun = ended;
  }
  return slices;
};

const sliceLine = (slice: Slice | undefined): string =>
  slice === undefined
    ? ""
    : `| up to event ${slice.upTo}: events/s, µs of CPU of an event (dispatcher + server) | | ${slice.perSecond.toFixed(0)}, ${slice.dispatcherUs.toFixed(0)} + ${slice.serverUs.toFixed(0)} |`;

/** The most that was resident, from proc(5); not a number on other systems. */
const peak = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
};

const report = ({
  machine,
  events,
  before,
  targets,
  names,
  perSecond,
  peakMiB,
  slices,
  claims,
  backlog,
}: Figures): string =>
  [
    `${machine}; ${events} events about ${names} tags after ${before} others, ${targets} targets`,
    "",
    "| | at least, at most | measured |",
    "|---|---|---|",
    `| events/s, each for ${targets} targets | | ${perSecond.toFixed(0)} |`,
    `| deliveries asked for a second | | ${(perSecond * targets).toFixed(0)} |`,
    `| peak RSS of the dispatcher, MiB | 300 | ${peakMiB.toFixed(0)} |`,
    ...slices.map(sliceLine),
    ...claims.map((times) => claimLine(times, backlog)),
    "",
  ].join("\n");

const claimLine = ({ limit, behind, p50, p99 }: Times, backlog: number): string => {
  const unswept = behind === 0 ? "" : `, ${behind} of them worked through and not swept`;
  const what = limit === 0 ? "commit of one row, for comparison" : `claim of ${limit} at ${backlog} waiting${unswept}`;
  return `| ${what}, ms p50 / p99 | ${limit === 0 ? "" : 5} | ${p50.toFixed(2)} / ${p99.toFixed(2)} |`;
};

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findTools } from "../../tools/find-tools.ts";
import { contenders, ours } from "./contenders.ts";
import { measureLayer } from "./memory.ts";
import { startRegistry } from "./registry-pair.ts";
import { barTable, limitTable, table, withTables } from "./report.ts";
import { type Figures, PHASES, type Phase, runSet } from "./run-set.ts";
import { startSecurity } from "./security.ts";
import { seed } from "./seed.ts";
import { SETS } from "./sets.ts";

const HELP = `usage: npm run bench -- copy [options]
Build first (npm run build): what is measured is the command as it is installed. Peers are taken from PATH.

  --sets a,b       ${SETS.map(({ name }) => name).join(", ")} (default: all)
  --phases a,b     cold, noop (default: both)
  --rounds N       runs of each contender (default 5)
  --peers a,b      only those whose name begins so; none: only drayage
  --delay MS       added to every answer of both registries
  --secure         TLS on both sides and token authentication
  --no-count       without the run through the counting proxy
  --profile DIR    a CPU profile of each run of Drayage goes there
  --memory A,B     only the peak memory of one layer of A MiB, then of B MiB, made up and discarded
  --folder DIR     where the registries keep their content (default: /dev/shm)
  --out FILE       all figures as JSON
  --write FILE     the tables go into this page too, between its marks for a plain, delayed or secure run
`;

/** Measures the copy engine beside its peers: paired runs in turn between two docker-registry processes on memory-backed storage. */
export const bench = async (argv: string[]): Promise<void> => {
  const { values } = parseArgs({
    args: argv,
    options: {
      sets: { type: "string" },
      phases: { type: "string", default: PHASES.join(",") },
      rounds: { type: "string", default: "5" },
      peers: { type: "string" },
      delay: { type: "string", default: "0" },
      secure: { type: "boolean", default: false },
      "no-count": { type: "boolean", default: false },
      folder: { type: "string", default: "/dev/shm" },
      memory: { type: "string" },
      profile: { type: "string" },
      out: { type: "string" },
      write: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const wanted = values.sets?.split(",");
  const peers = values.peers?.split(",").filter(Boolean);
  const tools = await findTools();
  const folder = await mkdtemp(join(values.folder === "" ? tmpdir() : values.folder, "drayage-bench-"));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const security = values.secure ? await startSecurity(join(folder, "security")) : undefined;
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.versions.node}`;
  if (values.memory !== undefined) {
    try {
      for (const mib of values.memory.split(",").map(Number)) {
        const { cost } = await measureLayer(ours, mib, folder);
        const peak = Math.round(cost.peakBytes / 1024 / 1024);
        process.stdout.write(`layer of ${mib} MiB: ${peak} MiB resident at most, ${cost.wallSeconds.toFixed(1)} s\n`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return;
  }
  const figures: Figures[] = [];
  const delayMs = Number(values.delay);
  try {
    for (const set of SETS.filter(({ name }) => wanted === undefined || wanted.includes(name))) {
      const repositories = set.make();
      const storage = join(folder, "source-storage");
      // Filled without TLS and tokens: what is measured comes later.
      const filling = await startRegistry(tools.dockerRegistry, "filling", join(folder, "filling"), undefined, storage);
      await seed(filling.url, repositories);
      await filling.halt();
      const source = await startRegistry(tools.dockerRegistry, "source", join(folder, "source"), security, storage);
      const target = await startRegistry(tools.dockerRegistry, "target", join(folder, "target"), security);
      const all = contenders({ skopeo: tools.skopeo, profile: values.profile });
      const chosen = all.filter(
        ({ name }, n) => n === 0 || peers === undefined || peers.some((one) => name.startsWith(one)),
      );
      figures.push(
        ...(await runSet(
          { source, target, folder, security },
          {
            set: set.name,
            repositories,
            contenders: chosen,
            rounds: Number(values.rounds),
            phases: values.phases.split(",").filter((one): one is Phase => one === "cold" || one === "noop"),
            delayMs,
            count: !values["no-count"] && security === undefined,
            say,
          },
        )),
      );
      await target.stop();
      await source.stop();
      if (values.out !== undefined) await writeFile(values.out, JSON.stringify({ machine, delayMs, figures }, null, 1));
    }
  } finally {
    security?.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const tables = [
    `${machine}; ${values.rounds} rounds in turn, medians.`,
    table(figures),
    barTable(figures, delayMs),
    limitTable(figures, availableParallelism()),
  ].join("\n\n");
  process.stdout.write(`${tables}\n`);
  if (values.write !== undefined) {
    const page = await readFile(values.write, "utf8");
    await writeFile(
      values.write,
      withTables(page, values.secure ? "secure" : delayMs > 0 ? "delayed" : "plain", tables),
    );
  }
};

import { setTimeout as sleep } from "node:timers/promises";
import { tail } from "../../e2e/harness/process.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { chanceOf } from "../simulation/core/chance.ts";
import { type Installation, openInstallation } from "./installation.ts";
import { type Findings, judge, notDone, notLevel } from "./judge.ts";
import { type People, startPeople } from "./people.ts";
import { type Blows, startStorm } from "./storm.ts";

export interface ChaosOptions {
  readonly seed: number;
  /** How long the storm lasts, ms. */
  readonly lastsMs: number;
  /** Pushes, overwrites and deletions in that time. */
  readonly changes: number;
  readonly say: (line: string) => void;
}

export interface ChaosReport extends Findings {
  readonly blows: Blows;
  readonly people: People["counts"];
  /** From the end of the storm until every target was level by events alone, ms. */
  readonly levelMs: number;
  /** What the reconciliation after that still found. */
  readonly drift: Readonly<Record<string, number>>;
}

/** The lease of a worker that was killed runs out after 120 s; then its work is done again. */
const LEVEL_WITHIN_MS = 300_000;
const SAY_EVERY_MS = 10_000;

/** Plays one run: real processes under a storm of blows, then calm; then every target has to be what the source is. */
export const chaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { seed, lastsMs, changes, say } = options;
  const chance = chanceOf(seed);
  const installation = await openInstallation();
  try {
    say(`${installation.roles.length} roles, a database server and ${installation.targets.length + 1} registries run`);
    const people = await startPeople(installation.source, chance.branch(), seed);
    const storm = startStorm(installation, chance.branch());
    await during(lastsMs, changes, people, () =>
      say(`${JSON.stringify(people.counts)} ${JSON.stringify(storm.blows)}`),
    );
    await storm.end();
    say(`the storm is over: ${JSON.stringify(storm.blows)}`);
    const levelMs = await untilLevel(installation, people, say);
    const drift = await reconcile(installation);
    await untilLevel(installation, people, say);
    return { ...(await judge(installation, people)), blows: storm.blows, people: people.counts, levelMs, drift };
  } finally {
    await installation.dispose();
  }
};

/** Changes spread evenly; a source that is slow for a moment is caught up with. */
const during = async (lastsMs: number, changes: number, people: People, say: () => void): Promise<void> => {
  const begin = performance.now();
  let said = begin;
  for (let n = 1; n <= changes; n += 1) {
    await people.change();
    const ahead = begin + (n / changes) * lastsMs - performance.now();
    if (ahead > 0) await sleep(ahead);
    if (performance.now() - said < SAY_EVERY_MS) continue;
    said = performance.now();
    say();
  }
};

const untilLevel = async (installation: Installation, people: People, say: (line: string) => void): Promise<number> => {
  const begin = performance.now();
  let said = begin;
  await waitFor(
    async () => {
      const off = [...(await notLevel(installation, people)), ...(await notDone(installation))];
      if (off.length === 0) return true;
      if (performance.now() - said > SAY_EVERY_MS) {
        said = performance.now();
        say(`${off.length} to go: ${off.slice(0, 3).join("; ")}`);
      }
      throw new Error(`${off.length} differences: ${off.slice(0, 10).join("; ")}`);
    },
    {
      what: "every target to be level",
      withinMs: LEVEL_WITHIN_MS,
      everyMs: 500,
      explain: () => installation.roles.map((role) => tail(role.child()).slice(-1_500)).join("\n"),
    },
  );
  return Math.round(performance.now() - begin);
};

const reconcile = async ({ command }: Installation): Promise<ChaosReport["drift"]> => {
  const report = JSON.parse(await command("reconciler", "--once", "--json")) as {
    readonly drift: ChaosReport["drift"];
    readonly completeness: string;
    readonly problems: ReadonlyArray<string>;
  };
  if (report.completeness !== "complete") throw new Error(`not all could be compared: ${report.problems.join("; ")}`);
  return report.drift;
};

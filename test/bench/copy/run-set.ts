import { join } from "node:path";
import type { Contender, Work } from "./contenders.ts";
import { type Cost, cpuSeconds, measure } from "./measure.ts";
import type { SideCount } from "./proxy.ts";
import type { BenchRegistry } from "./registry-pair.ts";
import type { Security } from "./security.ts";
import type { SeededRepository } from "./sets.ts";
import { startProxy } from "./start-proxy.ts";

/** One run: the copier's cost, and the time that each registry computed meanwhile. */
export interface Run extends Cost {
  readonly sourceCpuSeconds: number;
  readonly targetCpuSeconds: number;
}

/** `cold`: the target is empty. `noop`: it has everything. */
export type Phase = "cold" | "noop";
export const PHASES: ReadonlyArray<Phase> = ["cold", "noop"];

/** All runs of one contender on one set in one phase, and what passed in one more run through the counting proxy. */
export interface Figures {
  readonly set: string;
  readonly phase: Phase;
  readonly contender: string;
  readonly runs: ReadonlyArray<Run>;
  readonly counts?: ReadonlyArray<SideCount> | undefined;
}

export interface Lab {
  readonly source: BenchRegistry;
  readonly target: BenchRegistry;
  readonly folder: string;
  readonly security?: Security | undefined;
}

export interface SetPlan {
  readonly set: string;
  readonly repositories: ReadonlyArray<SeededRepository>;
  readonly contenders: ReadonlyArray<Contender>;
  readonly rounds: number;
  readonly phases: ReadonlyArray<Phase>;
  /** Added to every answer of both registries, ms. */
  readonly delayMs: number;
  /** Whether one more run of each is counted. */
  readonly count: boolean;
  readonly say: (line: string) => void;
}

/** The contenders in turn, round by round, so that a machine that slows down slows all of them. The cold run fills the target for the no-op. */
export const runSet = async (lab: Lab, plan: SetPlan): Promise<ReadonlyArray<Figures>> => {
  const runs = new Map<string, Run[]>();
  const counts = new Map<string, ReadonlyArray<SideCount>>();
  const ports = [lab.source.port, lab.target.port];
  const delayed = plan.delayMs === 0 ? undefined : await startProxy(ports, plan.delayMs);
  const counting = plan.count ? await startProxy(ports, 0) : undefined;
  const work: Work = {
    source: hostOf(delayed?.ports[0], lab.source),
    target: hostOf(delayed?.ports[1], lab.target),
    repositories: plan.repositories,
    folder: join(lab.folder, "work"),
    security: lab.security,
  };
  const log = join(lab.folder, "run.log");
  // Memory that nobody has touched since the machine started is slower, and whoever comes first would pay for it.
  const [first] = plan.contenders;
  const warming = await first?.command(work);
  if (warming !== undefined) await measure(warming, log);
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const contender of turned(plan.contenders, round)) {
      const command = await contender.command(work);
      if (command === undefined) continue;
      await lab.target.empty();
      for (const phase of PHASES) {
        if (phase === "noop" && !plan.phases.includes("noop")) continue;
        const before = registriesCpu(lab);
        const cost = await measure(command, log);
        const after = registriesCpu(lab);
        const run = {
          ...cost,
          sourceCpuSeconds: after.source - before.source,
          targetCpuSeconds: after.target - before.target,
        };
        const key = `${contender.name}\n${phase}`;
        runs.set(key, [...(runs.get(key) ?? []), run]);
        plan.say(`${plan.set} ${phase} round ${round + 1} ${contender.name}: ${run.wallSeconds.toFixed(2)} s`);
      }
    }
  }
  if (counting !== undefined) {
    const counted = {
      ...work,
      source: hostOf(counting.ports[0], lab.source),
      target: hostOf(counting.ports[1], lab.target),
    };
    for (const contender of plan.contenders) {
      const command = await contender.command(counted);
      if (command === undefined) continue;
      await lab.target.empty();
      for (const phase of PHASES) {
        await measure(command, log);
        counts.set(`${contender.name}\n${phase}`, await counting.count());
      }
    }
  }
  delayed?.stop();
  counting?.stop();
  return [...runs].map(([key, all]) => {
    const [contender = "", phase] = key.split("\n");
    return { set: plan.set, contender, phase: phase === "noop" ? "noop" : "cold", runs: all, counts: counts.get(key) };
  });
};

const hostOf = (port: number | undefined, registry: BenchRegistry): string =>
  port === undefined ? registry.host : `127.0.0.1:${port}`;

const turned = <A>(list: ReadonlyArray<A>, by: number): ReadonlyArray<A> => {
  const at = by % Math.max(1, list.length);
  return [...list.slice(at), ...list.slice(0, at)];
};

const registriesCpu = (lab: Lab) => ({ source: cpuSeconds(lab.source.pid()), target: cpuSeconds(lab.target.pid()) });

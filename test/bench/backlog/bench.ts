import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { image, pushImage, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { targets } from "../../e2e/harness/admin.ts";
import { type Dray, prepareDray } from "../../e2e/harness/dray.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { type Changes, makeChanges } from "./changes.ts";

const HELP = `usage: npm run bench -- backlog [options]
One of two targets is down while tags go on moving: its backlog is one delivery a tag, the other target's lag does not move, and after its
return it is level after about one copy a tag. What is counted must come true, or it ends with an error; times are only shown.

  --events N   while the target is down (default 20000)
  --tags N     that move, over ten repositories (default 500)
  --rate N     events a second (default 400)
`;

const REPOSITORIES = 10;
/** A tag moves among so many images, so that each event is a change. Not after a multiple of these: the target that is back would have nothing to do. */
const IMAGES = 7;
/** Before the target goes: what the other one's lag is without all this. */
const BASELINE_SHARE = 5;
/** Repeated by a delivery that was under way when its tag moved on. */
const COPIES_OVER_MAX = 1.1;
const LEVEL_WITHIN_MS = 300_000;

export const bench = async (argv: string[]): Promise<void> => {
  const { values } = parseArgs({
    args: argv,
    options: {
      events: { type: "string", default: "20000" },
      tags: { type: "string", default: "500" },
      rate: { type: "string", default: "400" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [events, tags, rate] = [Number(values.events), Number(values.tags), Number(values.rate)];
  demand(Math.floor(events / tags) % IMAGES !== 0, `events over tags must not be a multiple of ${IMAGES}`);
  const scope = await Effect.runPromise(Scope.make());
  const folder = await mkdtemp(join(tmpdir(), "drayage-bench-"));
  let dray: Dray | undefined;
  try {
    const starting = Effect.all([startStrictRegistry(), startStrictRegistry(), startStrictRegistry()]);
    const [source, near, far] = await Effect.runPromise(Scope.provide(starting, scope));
    dray = await prepareDray({ folder, configuration: configuration(source, near, far) });
    await dray.up();
    const changes = makeChanges({ source, near, ingestUrl: dray.ingestUrl, names: await fill(source), tags });
    await changes.send(Math.ceil(events / BASELINE_SHARE), rate);
    await level(changes, far);
    const before = changes.takeLags();

    await Effect.runPromise(far.setOnline(false));
    await changes.send(events, rate);
    await level(changes);
    const during = changes.takeLags();
    const backlog = await backlogOf(dray, "far");
    demand(backlog === tags, `the backlog of the target that is down is ${backlog}, not ${tags}`);
    const nearBacklog = await backlogOf(dray, "near");
    demand(nearBacklog === 0, `the other target has a backlog of ${nearBacklog}`);

    let copies = 0;
    far.onChange(({ action, what, tag }) => {
      if (action === "push" && what === "manifest" && tag !== undefined) copies++;
    });
    const returned = performance.now();
    await Effect.runPromise(far.setOnline(true));
    await level(changes, far);
    const levelMs = performance.now() - returned;
    demand(copies >= tags && copies <= tags * COPIES_OVER_MAX, `${copies} copies for ${tags} tags`);
    process.stdout.write(report({ events, tags, rate, before, during, backlog, copies, levelMs }));
  } finally {
    await dray?.dispose();
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await rm(folder, { recursive: true, force: true });
  }
};

const configuration = (source: StrictRegistry, near: StrictRegistry, far: StrictRegistry) => ({
  reconcile: { changed: "off", full: "off" },
  registries: {
    source: { type: "oci", url: source.url.origin },
    near: { type: "oci", url: near.url.origin },
    far: { type: "oci", url: far.url.origin },
  },
  routes: [{ name: "all", from: "source", to: [{ registry: "near" }, { registry: "far" }] }],
});

/** Images of each repository, by digest: tags come later. */
const fill = async (source: StrictRegistry): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const names = new Map<string, ReadonlyArray<string>>();
  for (let n = 0; n < REPOSITORIES; n++) {
    const images = Array.from({ length: IMAGES }, (_, k) => image({ seed: `backlog ${n} ${k}` }));
    for (const one of images) await Effect.runPromise(pushImage(source.url, `team/app-${n}`, undefined, one));
    names.set(
      `team/app-${n}`,
      images.map(({ digest }) => digest),
    );
  }
  return names;
};

/** Waits until every tag is where its source is, at the near target and at others that are given. */
const level = (changes: Changes, ...others: ReadonlyArray<StrictRegistry>): Promise<true> =>
  waitFor(async () => changes.isLevel() && others.every((other) => changes.isAt(other)), {
    what: "all tags to be level",
    withinMs: LEVEL_WITHIN_MS,
    explain: () => "",
  });

const backlogOf = async (dray: Dray, name: string): Promise<number> => {
  // What was copied is written down a moment later.
  await sleep(2_000);
  const target = (await targets(dray)).find((one) => one.name === name);
  return target?.backlog ?? Number.NaN;
};

const demand = (holds: boolean, why: string): void => {
  if (!holds) throw new Error(why);
};

interface Result {
  readonly events: number;
  readonly tags: number;
  readonly rate: number;
  readonly before: ReadonlyArray<number>;
  readonly during: ReadonlyArray<number>;
  readonly backlog: number;
  readonly copies: number;
  readonly levelMs: number;
}

const report = ({ events, tags, rate, before, during, backlog, copies, levelMs }: Result): string => {
  const lag = (lags: ReadonlyArray<number>): string => {
    const sorted = lags.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(0);
    return `${at(0.5)} | ${at(0.99)} | ${at(0.999999)}`;
  };
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.versions.node}; ${events} events over ${tags} tags at ${rate} a second`,
    "",
    "| lag of the target that is up | p50 ms | p99 ms | most ms |",
    "|---|---|---|---|",
    `| both up | ${lag(before)} |`,
    `| the other one down | ${lag(during)} |`,
    "",
    `backlog of the target that is down: ${backlog}; level ${(levelMs / 1000).toFixed(1)} s after its return, after ${copies} copies`,
    "",
  ].join("\n");
};

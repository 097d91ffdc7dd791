import { deliveries, targets } from "./admin.ts";
import type { Dray } from "./dray.ts";
import { copyOf } from "./lab.ts";
import { tail } from "./process.ts";
import type { DockerRegistry } from "./registry.ts";
import { Hopeless, waitFor } from "./wait.ts";

/** What a repository of the source holds: digest by tag. */
export type Tags = ReadonlyMap<string, string>;

/** Which tags the target lacks, or holds with another digest. Empty: the target has exactly these. */
export const differences = async (
  target: DockerRegistry,
  repository: string,
  wanted: Tags,
): Promise<ReadonlyArray<string>> => {
  const name = copyOf(repository);
  const held = await target.tags(name);
  const extra = held.filter((tag) => !wanted.has(tag)).map((tag) => `${tag} is extra`);
  const missing = [...wanted.keys()].filter((tag) => !held.includes(tag)).map((tag) => `${tag} is missing`);
  if (extra.length + missing.length > 0) return [...extra, ...missing];
  const different: string[] = [];
  for (const [tag, digest] of wanted) {
    const manifest = await target.manifest(name, tag);
    if (manifest?.digest !== digest) different.push(`${tag} is ${manifest?.digest ?? "not there"}, not ${digest}`);
  }
  return different;
};

export interface ArrivalOptions {
  readonly dray: Dray;
  readonly withinMs: number;
}

/** Waits until a target has exactly these tags with these digests. Gives the milliseconds from the call on. */
export const arrival = async (
  target: DockerRegistry,
  repository: string,
  wanted: Tags,
  { dray, withinMs }: ArrivalOptions,
): Promise<number> => {
  const begin = performance.now();
  await waitFor(
    async () => {
      if (!dray.child().running()) throw new Hopeless("dray up ended");
      const found = await differences(target, repository, wanted);
      if (found.length > 0)
        throw new Error(`${found.length} of ${wanted.size} differ: ${found.slice(0, 3).join("; ")}`);
      return true;
    },
    { what: `${repository} at ${target.name}`, withinMs, explain: () => tail(dray.child()) },
  );
  return Math.round(performance.now() - begin);
};

/** Waits until `dray` itself says that every target is level: nothing pending, nothing parked, reconciled. */
export const level = async (dray: Dray, withinMs: number): Promise<void> => {
  await waitFor(
    async () => {
      if (!dray.child().running()) throw new Hopeless("dray up ended");
      const states = await targets(dray);
      const off = states.filter(({ state, backlog, parked }) => state !== "level" || backlog > 0 || parked > 0);
      if (states.length === 0 || off.length > 0) throw new Error(JSON.stringify(off));
      return true;
    },
    { what: "every target to be level", withinMs, explain: () => tail(dray.child()) },
  );
};

/** Deliveries that are not done: what is stuck, once everything has arrived. */
export const unfinished = async (dray: Dray): Promise<ReadonlyArray<string>> =>
  (await deliveries(dray))
    .filter(({ state }) => state !== "idle")
    .map(({ target, repository, tag, state }) => `${target}/${repository}:${tag} is ${state}`);

import { request } from "undici";
import { deliveries, type EventRow, events } from "../../e2e/harness/admin.ts";
import { differences } from "../../e2e/harness/level.ts";
import type { DockerRegistry } from "../../e2e/harness/registry.ts";
import type { Installation } from "./installation.ts";
import type { People } from "./people.ts";

/** Where a target differs from what the source has to hold, in words. Empty: it is level. */
export const notLevel = async ({ targets }: Installation, people: People): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = [];
  for (const target of targets)
    for (const [repository, tags] of people.wanted())
      for (const difference of await differences(target, repository, tags))
        found.push(`${target.name} ${repository}: ${difference}`);
  return found;
};

/** Deliveries that are not done: they wait, are worked on, or gave up. */
export const notDone = async (installation: Installation): Promise<ReadonlyArray<string>> =>
  (await deliveries(installation))
    .filter(({ state }) => state !== "idle")
    .map(({ target, repository, tag, state }) => `${target}/${repository}:${tag} is ${state}`);

/** What the log and the registries show at the end, when everything is level. */
export interface Findings {
  /** Rules that were broken, in words. */
  readonly broken: ReadonlyArray<string>;
  readonly pushed: number;
  readonly copied: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly parked: number;
}

export const judge = async (installation: Installation, people: People): Promise<Findings> => {
  const log = await events(installation);
  const of = (type: string): ReadonlyArray<EventRow> => log.filter((event) => event.type.includes(`.${type}.`));
  const succeeded = of("replication.succeeded");
  const action = (name: string): number => succeeded.filter(({ data }) => data["action"] === name).length;
  const pushed = of("image.pushed").filter(({ data }) => data["tag"] !== undefined);
  const { pushes, overwrites } = people.counts;
  const broken = [
    ...(pushed.length === pushes + overwrites
      ? []
      : [`${pushes + overwrites} pushes were acknowledged, and the log has ${pushed.length}`]),
    ...repeated(succeeded.map(outcomeKey)).map((key) => `one cause was answered twice: ${key}`),
    ...copiedTwice(succeeded),
    ...of("replication.parked").map(({ data }) => `parked: ${JSON.stringify(data)}`),
    ...unsorted(log),
    ...(await dangling(installation)),
  ];
  return {
    broken,
    pushed: pushed.length,
    copied: action("copied"),
    deleted: action("deleted"),
    unchanged: action("unchanged"),
    failed: of("replication.failed").length,
    parked: of("replication.parked").length,
  };
};

const nameOf = ({ data }: EventRow): string =>
  ["target", "repository", "tag"].map((key) => String(data[key])).join(" ");
const outcomeKey = (event: EventRow): string => `${nameOf(event)} ${event.data["cause"]}`;
const repeated = (values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const seen = new Set<string>();
  return values.filter((value) => seen.has(value) || !seen.add(value));
};

/** Two copies of one digest to one name, and nothing else under that name between them: the second worker did what was done. */
const copiedTwice = (succeeded: ReadonlyArray<EventRow>): ReadonlyArray<string> => {
  const last = new Map<string, EventRow>();
  return succeeded.flatMap((event) => {
    const name = nameOf(event);
    const before = last.get(name);
    last.set(name, event);
    const isAgain =
      before?.data["action"] === "copied" &&
      event.data["action"] === "copied" &&
      before.data["digest"] === event.data["digest"];
    return isAgain ? [`copied twice: ${name} ${event.data["digest"]}`] : [];
  });
};
const unsorted = (log: ReadonlyArray<EventRow>): ReadonlyArray<string> =>
  log.flatMap(({ position }, n) =>
    (log[n - 1]?.position ?? 0) < position ? [] : [`position ${position} is out of order`],
  );

/** Blobs that a tag of a target needs and the target does not give. */
const dangling = async ({ targets }: Installation): Promise<ReadonlyArray<string>> =>
  (await Promise.all(targets.map(danglingAt))).flat();

const danglingAt = async (target: DockerRegistry): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = [];
  const known = new Set<string>();
  const catalogue = await request(`${target.url}/v2/_catalog`, { reset: true });
  const { repositories } = (await catalogue.body.json()) as { readonly repositories: ReadonlyArray<string> };
  for (const repository of repositories)
    for (const tag of await target.tags(repository)) {
      const manifest = await target.manifest(repository, tag);
      if (manifest === undefined) {
        found.push(`${target.name}/${repository}:${tag} is listed and not there`);
        continue;
      }
      const { config, layers } = JSON.parse(manifest.bytes.toString()) as Document;
      for (const { digest } of [config, ...layers]) {
        if (known.has(`${repository} ${digest}`)) continue;
        known.add(`${repository} ${digest}`);
        const answer = await request(`${target.url}/v2/${repository}/blobs/${digest}`, { method: "HEAD", reset: true });
        if (answer.statusCode !== 200) found.push(`${target.name}/${repository}:${tag} lacks ${digest}`);
      }
    }
  return found;
};
interface Document {
  readonly config: { readonly digest: string };
  readonly layers: ReadonlyArray<{ readonly digest: string }>;
}

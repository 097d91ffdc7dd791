import { push, smallImage } from "../../e2e/harness/images.ts";
import type { DockerRegistry } from "../../e2e/harness/registry.ts";
import type { Chance } from "../simulation/core/chance.ts";

/** Never deleted: a repository without any tag is a matter for a person. */
const KEPT = "keep";
const REPOSITORIES = ["team/app", "team/web", "team/job"] as const;
/** Few names, so that they are overwritten and deleted again and again. */
const NAMES = 40;

/** Who pushes to the source, overwrites and deletes there, and remembers what it has to hold. */
export interface People {
  /** Digest by tag, by repository. */
  readonly wanted: () => ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly counts: { pushes: number; overwrites: number; deletes: number };
  /** One change, acknowledged by the source when it returns. */
  readonly change: () => Promise<void>;
}

export const startPeople = async (source: DockerRegistry, chance: Chance, seed: number): Promise<People> => {
  const wanted = new Map<string, Map<string, string>>(REPOSITORIES.map((name) => [name, new Map()]));
  const counts = { pushes: 0, overwrites: 0, deletes: 0 };
  let serial = 0;
  const pushOne = async (repository: string, tag: string): Promise<void> => {
    serial += 1;
    // Each image is another one: this registry deletes all tags of a digest.
    const made = smallImage(`chaos-${seed}-${serial}`);
    await push(source.url, repository, tag, made);
    const tags = wanted.get(repository);
    if (tags?.has(tag) === true) counts.overwrites += 1;
    else counts.pushes += 1;
    tags?.set(tag, made.digest);
  };
  const deleteOne = async (repository: string): Promise<void> => {
    const tags = wanted.get(repository) ?? new Map<string, string>();
    const found = chance.any([...tags].filter(([tag]) => tag !== KEPT));
    if (found === undefined) return;
    const [tag, digest] = found;
    await source.deleteManifest(repository, digest);
    tags.delete(tag);
    counts.deletes += 1;
  };
  for (const repository of REPOSITORIES) await pushOne(repository, KEPT);
  return {
    wanted: () => wanted,
    counts,
    change: async () => {
      const repository = chance.pick(REPOSITORIES);
      if (chance.happens(0.2)) await deleteOne(repository);
      else await pushOne(repository, `v${chance.between(1, NAMES)}`);
    },
  };
};

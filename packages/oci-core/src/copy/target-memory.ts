import type { RepositoryName } from "../model/brand.ts";
import { MOUNT_REFUSALS_MAX, REPOSITORIES_MAX } from "./limits.ts";

/**
 * Whether a repository holds content that we did not put there in this process. `warm`: it does, so a HEAD before an
 * upload is likely to save it. `cold`: it does not, so a HEAD would be one more request for nothing.
 */
export type Warmth = "warm" | "cold";

/** What copies have learnt about targets as such. Hints: a wrong one costs requests, never content. */
export interface TargetMemory {
  readonly warmth: (registry: string, repository: RepositoryName) => Warmth | undefined;
  readonly setWarmth: (registry: string, repository: RepositoryName, warmth: Warmth) => void;
  /** Whether a copy found its tag at the target. */
  readonly held: (registry: string, found: boolean) => void;
  /** Whether the last copy to this registry found its tag missing: the next ones are likely to, as in a first synchronisation. */
  readonly likelyLacks: (registry: string) => boolean;
  readonly mounted: (registry: string, granted: boolean) => void;
  /**
   * False once a registry has refused some mounts and granted none: then nobody waits for a blob in order to mount it.
   */
  readonly mountsWork: (registry: string) => boolean;
}

export const makeTargetMemory = (): TargetMemory => {
  const repositories = new Map<string, Warmth>();
  const lacking = new Set<string>();
  const mounts = new Map<string, { granted: number; refused: number }>();
  return {
    warmth: (registry, repository) => repositories.get(`${registry} ${repository}`),
    setWarmth: (registry, repository, warmth) => {
      const key = `${registry} ${repository}`;
      repositories.delete(key);
      repositories.set(key, warmth);
      if (repositories.size <= REPOSITORIES_MAX) return;
      const [oldest] = repositories.keys();
      if (oldest !== undefined) repositories.delete(oldest);
    },
    held: (registry, found) => {
      if (found) lacking.delete(registry);
      else lacking.add(registry);
    },
    likelyLacks: (registry) => lacking.has(registry),
    mounted: (registry, granted) => {
      const count = mounts.get(registry) ?? { granted: 0, refused: 0 };
      if (granted) count.granted += 1;
      else count.refused += 1;
      mounts.set(registry, count);
    },
    mountsWork: (registry) => {
      const count = mounts.get(registry);
      return count === undefined || count.granted > 0 || count.refused < MOUNT_REFUSALS_MAX;
    },
  };
};

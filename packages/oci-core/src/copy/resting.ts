import type { RegistryError, RegistryReason } from "../registry/errors.ts";
import type { Place } from "./job.ts";
import { REPOSITORIES_MAX } from "./limits.ts";

/**
 * How long a place of `bytesFrom` that failed is left alone, ms: longer than the three minutes in which a registry that never answers is found
 * out, so that it costs copies less time than it could save.
 */
const REST_MS = 5 * 60_000;

/** Of the whole registry, whatever the repository. */
const AWAY: ReadonlySet<RegistryReason> = new Set(["rate-limited", "unavailable", "network", "stalled"]);
/** Of the one blob: another may well be there. */
const BLOB_ONLY: ReadonlySet<RegistryReason> = new Set(["not-found", "repository-unknown", "digest-mismatch"]);

/** Places that failed in a way that the next blob would meet too. `now` in ms. */
export interface Resting {
  readonly rests: (place: Place, now: number) => boolean;
  /** What failed there. True: it rests from now on, and did not before. */
  readonly failed: (place: Place, error: RegistryError, now: number) => boolean;
}

export const makeResting = (): Resting => {
  const until = new Map<string, number>();
  const whole = ({ registry }: Place): string => registry.name;
  const one = ({ registry, repository }: Place): string => `${registry.name}/${repository}`;
  const rests: Resting["rests"] = (place, now) =>
    Math.max(until.get(whole(place)) ?? 0, until.get(one(place)) ?? 0) > now;
  return {
    rests,
    failed: (place, error, now) => {
      if (BLOB_ONLY.has(error.reason)) return false;
      const rested = rests(place, now);
      if (until.size >= REPOSITORIES_MAX) until.clear();
      until.set(AWAY.has(error.reason) ? whole(place) : one(place), now + REST_MS);
      return !rested;
    },
  };
};

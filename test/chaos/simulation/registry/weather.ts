import { RegistryError, type RegistryReason, type RepositoryName } from "@drayage/oci-core";
import type { Chance } from "../core/chance.ts";
import type { Journey } from "../core/remote.ts";

/** What requests to a registry meet on their way. */
export type Road =
  | "fine"
  /** Nobody answers. */
  | "down"
  /** One request in three fails: before it is heard, after it, or with 503 or 429. */
  | "flaky"
  /** Half a minute there, half a minute back. */
  | "slow"
  /** No answer ever comes back, and half of the requests are heard. */
  | "silent";

/** What a registry says that is not so. */
export type Lie =
  | { readonly _tag: "None" }
  /** A right was taken away: the repository is unknown to us. */
  | { readonly _tag: "Hidden"; readonly repository: RepositoryName }
  /** A backend without its manifests: every tag is unknown, and the list of tags is as it was, or empty. */
  | { readonly _tag: "Forgetful"; readonly repository: RepositoryName; readonly lists: boolean };

/** The state of one registry as seen from outside. It changes while requests are under way. */
export interface Weather {
  road: Road;
  lie: Lie;
  /** Reads may be answered by a replica that is behind by up to this, ms. */
  lag: number;
}

/**
 * A client gives up after this long, ms (`MANIFEST_WRITE_TIMEOUT_MS`): what was sent arrives within that time or never.
 */
const TIMEOUT_MS = 60_000;
const RETRY_AFTER_MS = 5_000;

export interface Asked {
  readonly registry: string;
  readonly operation: string;
  readonly reference: string;
}

export const errorOf = (
  asked: Asked,
  reason: RegistryReason,
  more: Partial<Pick<RegistryError, "status" | "code" | "missing" | "retryAfterMs">> = {},
): RegistryError => new RegistryError({ ...asked, reason, detail: "simulated", ...more });

/** The way of one request. */
export const journeyTo = (asked: Asked, road: Road, chance: Chance): Journey<RegistryError> => {
  const [there, back] = [chance.between(1, 40), chance.between(1, 40)];
  const failing = (reason: RegistryReason, after: number, status?: number) => ({
    after,
    error: () =>
      errorOf(asked, reason, { status, retryAfterMs: reason === "rate-limited" ? RETRY_AFTER_MS : undefined }),
  });
  const stalled = failing("stalled", TIMEOUT_MS);
  const broken = failing("network", there + back);
  switch (road) {
    case "fine":
      return { there, back, silence: stalled };
    case "down":
      return { there: undefined, back, silence: failing("network", there) };
    case "slow":
      return { there: chance.between(500, 30_000), back: chance.between(500, 29_000), silence: stalled };
    case "silent":
      return { there: chance.happens(0.5) ? there : undefined, back: undefined, silence: stalled };
    case "flaky":
      return flaky({ there, back, silence: broken }, chance, [
        failing("unavailable", there + back, 503),
        failing("rate-limited", there + back, 429),
      ]);
  }
};

const flaky = (
  journey: Journey<RegistryError>,
  chance: Chance,
  [unavailable, limited]: readonly [Journey<RegistryError>["silence"], Journey<RegistryError>["silence"]],
): Journey<RegistryError> => {
  const draw = chance.next();
  if (draw < 0.1) return { ...journey, there: undefined };
  if (draw < 0.2) return { ...journey, back: undefined };
  if (draw < 0.28) return { ...journey, there: undefined, silence: unavailable };
  if (draw < 0.33) return { ...journey, there: undefined, silence: limited };
  return journey;
};

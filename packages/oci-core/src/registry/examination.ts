import type * as Effect from "effect/Effect";
import type { RepositoryName } from "../model/brand.ts";
import type { RegistryError } from "./errors.ts";

/**
 * Looks at what only this type of registry has: a subscription, a region, rights of its own API. Changes nothing at the registry. What is the
 * same everywhere (name, connection, certificate, credentials, clock, pull and push) `dray doctor` tries by itself, through the other methods.
 * An error that it fails with becomes a finding of the whole registry.
 */
export type Examine = (use: RegistryUse) => Effect.Effect<ReadonlyArray<Finding>, RegistryError>;

/** What the routes want of a registry. Names are ours, not those of the registry's API. */
export interface RegistryUse {
  readonly isSource: boolean;
  readonly isTarget: boolean;
  /** Some repositories that are read, as far as the routes name them or the registry lists them. */
  readonly reads: ReadonlyArray<RepositoryName>;
  /** Some repositories that are written. */
  readonly writes: ReadonlyArray<RepositoryName>;
}

/** One thing that is not as it should be, for people: what, which key, what to do. Holds no secret. */
export interface Finding {
  /**
   * `error`: does not work. `warning`: works, and will surprise. `unknown`: could not be tried, so nothing is said. `note`: for
   * information, all is well.
   */
  readonly severity: "error" | "warning" | "unknown" | "note";
  /** The key of drayage.yaml below the registry, e.g. `auth` or `notifications.subscription`; empty for the registry as a whole. */
  readonly key: string;
  /** One line, without the name of the registry. */
  readonly what: string;
  /** One line that begins with a verb; absent for a note. */
  readonly mend?: string | undefined;
}

/** A host that is connected to, for whoever writes the rules of a firewall. */
export interface OutboundHost {
  readonly host: string;
  readonly port: number;
  /** `API`, `token service`, `queue`, ... */
  readonly purpose: string;
}

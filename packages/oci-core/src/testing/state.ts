import type { RegistryChange } from "./change.ts";
import type { Exchange } from "./exchange.ts";
import type { ReadLag } from "./read-lag.ts";
import type { StrictRegistryRules } from "./rules.ts";
import type { Store } from "./store.ts";
import type { Uploads } from "./uploads.ts";

/** What the handlers of all routes share. */
export interface RegistryState {
  /** Read anew by every request: tests change rules while the registry runs. */
  readonly rules: () => StrictRegistryRules;
  readonly store: Store;
  readonly uploads: Uploads;
  /** Base of the host that serves redirected blobs. */
  readonly storageUrl: () => string;
  readonly lag: ReadLag;
  readonly emit: (change: RegistryChange) => void;
}

/** A `Location` by the rule of the registry. */
export const locate = (state: RegistryState, exchange: Exchange, path: string): string =>
  state.rules().locations === "relative" ? path : new URL(path, exchange.url).href;

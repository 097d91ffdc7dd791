import type * as Effect from "effect/Effect";
import type * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import type { RegistryError } from "./errors.ts";
import type { OutboundHost } from "./examination.ts";
import type { Observation } from "./http.ts";
import type { NetworkSettings } from "./network.ts";
import type { NotificationListener, NotificationReader } from "./notification.ts";
import type { Registry } from "./registry.ts";
import type { RegistryTraits } from "./traits.ts";

/** How we prove who we are. Lists are tried in order, so that a password can be rotated without a gap. */
export type RegistryAuth =
  | { readonly _tag: "Anonymous" }
  | { readonly _tag: "Basic"; readonly username: string; readonly password: Redacted.Redacted<string> }
  | { readonly _tag: "Bearer"; readonly token: Redacted.Redacted<string> }
  /** A key in a header of the registry's own (`X-JFrog-Art-Api`), sent as it is with every request to the registry's own host. */
  | { readonly _tag: "Header"; readonly header: string; readonly key: Redacted.Redacted<string> };

/** What the configuration says of one registry, as far as every adapter needs it. */
export interface RegistrySettings {
  readonly name: string;
  readonly url: URL;
  /** Fixed, or an effect for credentials that run out; see `ConnectSettings`. Tried in order; empty is anonymous. */
  readonly auth: ReadonlyArray<RegistryAuth> | Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>;
  /**
   * Hosts (`auth.example.com` or with a port) of token servers on another site than the registry that may get its credentials. Default:
   * none; a realm on the registry's own site needs no entry.
   */
  readonly realms?: ReadonlyArray<string> | undefined;
  /** Overrides of the adapter's traits from `limits:`. */
  readonly traits: Partial<RegistryTraits>;
  readonly network?: NetworkSettings | undefined;
  /** Told of every request, tokens and redirects included: for metrics. Must be cheap and must not throw. */
  readonly observe?: ((observation: Observation) => void) | undefined;
}

/**
 * All that a registry type brings: the standard client with its differences, and the reading of its notifications. `Options` is what only
 * this type has in the configuration. How to write one: docs/adapters.md.
 */
export interface Adapter<Options = unknown> {
  /** The word after `type:` in the configuration. */
  readonly type: string;
  readonly traits: RegistryTraits;
  /** The client. Sends nothing by itself, so it cannot fail; the scope closes its connections. */
  readonly connect: (settings: RegistrySettings, options: Options) => Effect.Effect<Registry, never, Scope.Scope>;
  /** Reads what the registry posts to us. */
  readonly notifications: (options: Options) => NotificationReader;
  /** What we fetch ourselves, beside what is posted to us: subscriptions, queues, polling. Default: nothing. */
  readonly listeners?: (settings: RegistrySettings, options: Options) => ReadonlyArray<NotificationListener>;
  /** Hosts that it connects to beside that of `url`, as far as the configuration tells: its own API, queues, token services. Default: none. */
  readonly hosts?: (settings: RegistrySettings, options: Options) => ReadonlyArray<OutboundHost>;
}

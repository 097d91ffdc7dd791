import type * as Effect from "effect/Effect";
import type * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import type { RegistryError } from "./errors.ts";
import type { Observation } from "./http.ts";
import type { NotificationRequest, ParsedNotifications } from "./notification.ts";
import type { Registry } from "./registry.ts";
import type { RegistryTraits } from "./traits.ts";

/** How we prove who we are. Lists are tried in order, so that a password can be rotated without a gap. */
export type RegistryAuth =
  | { readonly _tag: "Anonymous" }
  | { readonly _tag: "Basic"; readonly username: string; readonly password: Redacted.Redacted<string> }
  | { readonly _tag: "Bearer"; readonly token: Redacted.Redacted<string> };

/** How a sender of notifications proves who it is. */
export interface NotificationSecrets {
  readonly scheme: "shared-secret" | "hmac-sha256";
  /** Any of them is accepted, for rotation. Empty: nothing is configured, and only loopback is heard. */
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>;
}

/** What the configuration says of one registry, as far as an adapter needs it. */
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
  /** Told of every request, tokens and redirects included: for metrics. Must be cheap and must not throw. */
  readonly observe?: ((observation: Observation) => void) | undefined;
}

/** All that a registry type brings: the standard client with its differences, and the reading of its notifications. */
export interface Adapter {
  /** The word after `type:` in the configuration. */
  readonly type: string;
  readonly traits: RegistryTraits;
  readonly connect: (settings: RegistrySettings) => Effect.Effect<Registry, never, Scope.Scope>;
  /** Most bytes that a notification of this sender has; a larger body is refused. */
  readonly notificationBytesMax: number;
  /** Whether the request proves one of the secrets. Constant time in the secret; reads the raw bytes. */
  readonly authenticate: (request: NotificationRequest, secrets: NotificationSecrets) => boolean;
  /** Turns a request body into neutral notifications. Pure; never trusts a host, URL or credential in the body. */
  readonly parse: (request: NotificationRequest) => ParsedNotifications;
}

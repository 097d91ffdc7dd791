import type { Guard, Millis, Route } from "@drayage/domain";
import type { NotificationSecrets, RegistryAuth, RegistryTraits } from "@drayage/oci-core";
import type * as Redacted from "effect/Redacted";

/** The configuration as every app sees it: checked, interpolated, defaults filled in. DESIGN.md section 4.1. */
export interface Config {
  readonly instance: string;
  /** sha-256 of the effective configuration without secrets, 12 hex digits: named by `ConfigurationApplied` and every outcome. */
  readonly revision: string;
  readonly database:
    | { readonly _tag: "Embedded" }
    | { readonly _tag: "Server"; readonly url: Redacted.Redacted<string> };
  /** Absolute path. */
  readonly dataDir: string;
  readonly http: { readonly ingest: Listen; readonly admin: Listen };
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  readonly routes: ReadonlyArray<Route>;
  readonly guard: Guard;
  readonly reconcile: { readonly changed: string | undefined; readonly full: string | undefined };
  readonly retention: { readonly raw: Millis };
  readonly admin: { readonly tokens: ReadonlyArray<AdminToken> };
}
export interface Listen {
  /** Loopback by default. */
  readonly host: string;
  readonly port: number;
}
export interface RegistryConfig {
  readonly name: string;
  readonly type: "oci" | "artifactory";
  readonly url: URL;
  readonly auth: ReadonlyArray<RegistryAuth> | "docker-config";
  /** Hosts of token servers on another site that may get the credentials. */
  readonly realms?: ReadonlyArray<string> | undefined;
  /** Artifactory only in this version; `repository-path` everywhere else. */
  readonly access: "repository-path";
  readonly notifications: NotificationSecrets;
  readonly traits: Partial<RegistryTraits>;
}
export interface AdminToken {
  readonly name: string;
  readonly role: "viewer" | "operator" | "admin";
  /** `sha256:<64 hex>` of the token. */
  readonly hash: string;
}

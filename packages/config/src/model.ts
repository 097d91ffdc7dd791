import type { Guard, Millis, Route } from "@drayage/domain";
import type { NotificationSecrets, RegistryAuth, RegistryTraits } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
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
  readonly bus: BusConfig;
  readonly http: { readonly ingest: Listen; readonly admin: Listen };
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  readonly routes: ReadonlyArray<Route>;
  readonly guard: Guard;
  readonly reconcile: { readonly changed: string | undefined; readonly full: string | undefined };
  /** Without `events` they are kept for ever. */
  readonly retention: { readonly raw: Millis; readonly events: Millis | undefined };
  readonly admin: { readonly tokens: ReadonlyArray<AdminToken> };
}
/** How work reaches the replicators: `Database` is the one above. */
export type BusConfig = { readonly _tag: "Database" } | PubSubConfig;
export interface PubSubConfig {
  readonly _tag: "PubSub";
  readonly project: string;
  readonly topicPrefix: string;
  /** Host, with or without a port. */
  readonly endpoint?: string | undefined;
}
export interface Listen {
  /** Loopback by default. */
  readonly host: string;
  readonly port: number;
}
/** One registry. Its form follows from its type; what all have is in `RegistryCommon`. */
export type RegistryConfig = OciRegistryConfig | ArtifactoryRegistryConfig | ArtifactRegistryConfig | EcrRegistryConfig;

/** What every type of registry has. */
export interface RegistryCommon {
  readonly name: string;
  readonly url: URL;
  /** Hosts of token servers on another site that may get the credentials. */
  readonly realms?: ReadonlyArray<string> | undefined;
  readonly traits: Partial<RegistryTraits>;
  readonly network: NetworkConfig;
}

/** Any registry of the distribution specification. */
export interface OciRegistryConfig extends RegistryCommon {
  readonly type: "oci";
  readonly auth: ReadonlyArray<RegistryAuth> | "docker-config";
  readonly notifications: NotificationSecrets;
  /** Looking for changes where the registry tells none. */
  readonly poll?: PollConfig | undefined;
}

export interface PollConfig {
  readonly every: Millis;
  readonly requests: { readonly most: number; readonly within: Millis };
  /** Default: those of the catalogue. */
  readonly repositories?: ReadonlyArray<RepositoryName> | undefined;
}

/** JFrog Artifactory. */
export interface ArtifactoryRegistryConfig extends RegistryCommon {
  readonly type: "artifactory";
  readonly auth: ReadonlyArray<RegistryAuth> | "docker-config";
  readonly access:
    | "repository-path"
    | "subdomain"
    | "hyphen"
    | "direct"
    | { readonly ports: Readonly<Record<string, number>> };
  /** Base of the REST API, where it is not `/artifactory` at `url`. */
  readonly api?: URL | undefined;
  /** What is declared of repository keys. */
  readonly repositories?: Readonly<
    Record<
      string,
      | { readonly _tag: "Local" }
      | { readonly _tag: "Remote" }
      | { readonly _tag: "Virtual"; readonly members: ReadonlyArray<string> }
    >
  >;
  /** Time between two looks for changes; absent: none. */
  readonly pollEveryMs?: Millis | undefined;
  readonly notifications: NotificationSecrets;
}

/** Amazon ECR, private or public. */
export interface EcrRegistryConfig extends RegistryCommon {
  readonly type: "ecr";
  readonly account: string;
  readonly region: string;
  readonly isPublic: boolean;
  readonly auth: { readonly roleArn?: string | undefined; readonly externalId?: string | undefined };
  readonly createRepositories:
    | false
    | {
        readonly immutableTags: boolean;
        readonly scanOnPush: boolean;
        readonly kmsKey?: string | undefined;
        readonly lifecyclePolicy?: string | undefined;
        readonly tags: Readonly<Record<string, string>>;
      };
  readonly notifications: NotificationSecrets;
  /** SQS. */
  readonly queue?: URL | undefined;
  readonly queueApi?: URL | undefined;
  /** Address of the AWS API, where it is not its own. */
  readonly api?: URL | undefined;
}

/** Google Artifact Registry. */
export interface ArtifactRegistryConfig extends RegistryCommon {
  readonly type: "artifact-registry";
  readonly location: string;
  readonly project: string;
  /** Base of the REST API. */
  readonly api: URL;
  readonly auth:
    | { readonly _tag: "Default" }
    | { readonly _tag: "ServiceAccountKey"; readonly key: Redacted.Redacted<string> }
    | { readonly _tag: "AccessToken"; readonly token: Redacted.Redacted<string> };
  readonly notifications:
    | { readonly _tag: "None" }
    | { readonly _tag: "Subscription"; readonly subscription: string }
    | {
        readonly _tag: "Push";
        readonly audience: string;
        readonly serviceAccount: string;
        readonly keys?: URL | undefined;
      };
  /** Absent: a missing repository stays missing. */
  readonly createRepositories?:
    | {
        readonly immutableTags: boolean;
        readonly kmsKey?: string | undefined;
        readonly labels?: Readonly<Record<string, string>> | undefined;
      }
    | undefined;
}

/** How connections are made: as `NetworkSettings` of oci-core, with absolute paths of PEM files, which are read when the registry is opened. */
export interface NetworkConfig {
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly clientCert?: string | undefined;
        readonly clientKey?: string | undefined;
      }
    | undefined;
  readonly proxy?: Redacted.Redacted<string> | undefined;
  readonly endpoint?: URL | undefined;
}
export interface AdminToken {
  readonly name: string;
  readonly role: "viewer" | "operator" | "admin";
  /** `sha256:<64 hex>` of the token. */
  readonly hash: string;
}

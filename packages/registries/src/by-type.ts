import { artifactRegistryAdapter, googleTokens } from "@drayage/ar-adapter";
import { type ArtifactoryOptions, artifactoryAdapter } from "@drayage/artifactory-adapter";
import type { ArtifactoryRegistryConfig, RegistryConfig } from "@drayage/config";
import { ecrAdapter } from "@drayage/ecr-adapter";
import { ociAdapter } from "@drayage/oci-adapter";
import type {
  Adapter,
  NotificationListener,
  NotificationReader,
  Observation,
  OutboundHost,
  Registry,
  RegistryError,
  RegistrySettings,
  RegistryTraits,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { authOf } from "./auth.ts";
import { networkOf } from "./network.ts";

/** An adapter with its options filled in. */
interface BoundAdapter {
  readonly traits: RegistryTraits;
  readonly auth: Effect.Effect<RegistrySettings["auth"]>;
  readonly connect: (settings: RegistrySettings) => Effect.Effect<Registry, never, Scope.Scope>;
  readonly notifications: () => NotificationReader;
  readonly listeners: (settings: RegistrySettings) => ReadonlyArray<NotificationListener>;
  readonly hosts: (settings: RegistrySettings) => ReadonlyArray<OutboundHost>;
}

const bind = <Options>(
  adapter: Adapter<Options>,
  options: Options,
  auth: Effect.Effect<RegistrySettings["auth"]>,
): BoundAdapter => ({
  traits: adapter.traits,
  auth,
  connect: (settings) => adapter.connect(settings, options),
  notifications: () => adapter.notifications(options),
  listeners: (settings) => adapter.listeners?.(settings, options) ?? [],
  hosts: (settings) => adapter.hosts?.(settings, options) ?? [],
});

/**
 * The one place where the type of a registry decides: its adapter, and what of the configuration is for this adapter alone. Everything else
 * asks traits and powers.
 */
const boundOf = (config: RegistryConfig): BoundAdapter => {
  switch (config.type) {
    case "oci":
      return bind(ociAdapter, { secrets: config.notifications, poll: config.poll }, authOf(config));
    case "artifactory":
      return bind(artifactoryAdapter, artifactoryOptions(config), authOf(config));
    case "ecr":
      // It makes its own credentials of what AWS gives.
      return bind(ecrAdapter, { ...config, secrets: config.notifications }, Effect.succeed([]));
    case "artifact-registry": {
      const { location, project, api, notifications, createRepositories, auth: identity, url } = config;
      const tokens = googleTokens(config.name, identity);
      const options = { host: url.host, location, project, api, identity, tokens, notifications, createRepositories };
      // It makes its own credentials of what Google gives.
      return bind(artifactRegistryAdapter, options, Effect.succeed([]));
    }
  }
};

const artifactoryOptions = (config: ArtifactoryRegistryConfig): ArtifactoryOptions => ({
  secrets: config.notifications,
  access: config.access,
  api: config.api,
  repositories: config.repositories,
  pollEveryMs: config.pollEveryMs,
});

/** The traits of a type of registry, before the configuration. */
export const adapterTraits = (type: RegistryConfig["type"]): RegistryTraits => TRAITS[type];
const TRAITS: Readonly<Record<RegistryConfig["type"], RegistryTraits>> = {
  oci: ociAdapter.traits,
  artifactory: artifactoryAdapter.traits,
  ecr: ecrAdapter.traits,
  "artifact-registry": artifactRegistryAdapter.traits,
};

const settingsOf = (
  config: RegistryConfig,
  auth: RegistrySettings["auth"],
  observe: ((observation: Observation) => void) | undefined,
): Effect.Effect<RegistrySettings, RegistryError> =>
  Effect.map(networkOf(config.name, config.network), (network) => ({
    name: config.name,
    url: config.url,
    realms: config.realms,
    traits: config.traits,
    auth,
    network,
    observe,
  }));

/** The client of a registry. Sends nothing by itself; fails where files of its configuration cannot be read. */
export const connectByType = (
  config: RegistryConfig,
  observe?: (observation: Observation) => void,
): Effect.Effect<Registry, RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const bound = boundOf(config);
    return yield* bound.connect(yield* settingsOf(config, yield* bound.auth, observe));
  });

/** Reads what the registry posts to us. */
export const notificationReaderOf = (config: RegistryConfig): NotificationReader => boundOf(config).notifications();

/** What is to be listened to at the registry by outbound requests. */
export const notificationListenersOf = (
  config: RegistryConfig,
  observe?: (observation: Observation) => void,
): Effect.Effect<ReadonlyArray<NotificationListener>, RegistryError> =>
  Effect.gen(function* () {
    const bound = boundOf(config);
    return bound.listeners(yield* settingsOf(config, yield* bound.auth, observe));
  });

/** Hosts that its adapter connects to beside that of its `url`. */
export const outboundHostsOf = (config: RegistryConfig): Effect.Effect<ReadonlyArray<OutboundHost>, RegistryError> =>
  Effect.gen(function* () {
    const bound = boundOf(config);
    return bound.hosts(yield* settingsOf(config, yield* bound.auth, undefined));
  });

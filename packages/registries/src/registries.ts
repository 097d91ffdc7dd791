import { artifactoryAdapter } from "@drayage/artifactory-adapter";
import type { Config, RegistryConfig } from "@drayage/config";
import { ociAdapter } from "@drayage/oci-adapter";
import type { Adapter, Observation, Registry, RegistryTraits } from "@drayage/oci-core";
import { metrics } from "@drayage/runtime";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as Semaphore from "effect/Semaphore";
import { authOf } from "./auth.ts";

/** Every request is counted; a registry that throttles us shows at once. */
const counting =
  (registry: string) =>
  ({ method, status }: Observation): void => {
    metrics.registryRequests.add(1, {
      registry,
      method,
      status: status === "error" ? status : `${Math.floor(status / 100)}xx`,
    });
    if (status === 429) metrics.registryRateLimited.add(1, { registry });
  };

/** Every registry type of this version, by the word after `type:`. */
export const adapters: Readonly<Record<RegistryConfig["type"], Adapter>> = {
  oci: ociAdapter,
  artifactory: artifactoryAdapter,
};

/** The adapter of a registry type. Total: the configuration takes no other word. */
export const adapterOf = (type: RegistryConfig["type"]): Adapter => adapters[type];

/** What holds for one registry: the traits of its type, with what the configuration says otherwise. */
export const traitsOf = (registry: RegistryConfig): RegistryTraits => ({
  ...adapterOf(registry.type).traits,
  ...registry.traits,
});

/** No registry of this name can be had. */
export class RegistryOpenError extends Data.TaggedError("RegistryOpenError")<{
  readonly registry: string;
  readonly known: ReadonlyArray<string>;
}> {
  override get message(): string {
    const known = this.known.length === 0 ? "there is none" : `there is ${this.known.join(", ")}`;
    return `registry ${this.registry} is not configured; ${known} (registries in drayage.yaml)`;
  }
}

/** The registries of a configuration. */
export interface Registries {
  /** The client of a registry, connected when first asked for and shared from then on. Sends nothing by itself. */
  readonly get: (name: string) => Effect.Effect<Registry, RegistryOpenError>;
}

/**
 * The registries of a configuration, until the scope closes. Credentials of `auth: docker-config` are read when a request first needs them, so a
 * helper that fails is an error of that registry and of no other.
 */
export const openRegistries = (config: Pick<Config, "registries">): Effect.Effect<Registries, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope;
    const known = Object.keys(config.registries).sort();
    const opened = new Map<string, Registry>();
    const open = (settings: RegistryConfig): Effect.Effect<Registry> =>
      Effect.gen(function* () {
        const { name, url, realms, traits } = settings;
        const auth = yield* authOf(settings);
        const registry = yield* Scope.provide(
          adapterOf(settings.type).connect({ name, url, auth, realms, traits, observe: counting(name) }),
          scope,
        );
        opened.set(name, registry);
        return registry;
      });
    // One at a time: two askers of one name must not connect twice.
    const one = yield* Semaphore.make(1);
    return {
      get: (name) => {
        const settings = Object.hasOwn(config.registries, name) ? config.registries[name] : undefined;
        if (settings === undefined) return Effect.fail(new RegistryOpenError({ registry: name, known }));
        return one.withPermit(
          Effect.suspend(() => {
            const registry = opened.get(name);
            return registry === undefined ? open(settings) : Effect.succeed(registry);
          }),
        );
      },
    };
  });

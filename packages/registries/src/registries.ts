import type { Config, RegistryConfig } from "@drayage/config";
import type { Observation, Registry, RegistryTraits } from "@drayage/oci-core";
import { metrics } from "@drayage/runtime";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as Semaphore from "effect/Semaphore";
import { adapterTraits, connectByType } from "./by-type.ts";

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

/** What holds for one registry: the traits of its type, with what the configuration says otherwise. */
export const traitsOf = (registry: RegistryConfig): RegistryTraits => ({
  ...adapterTraits(registry.type),
  ...registry.traits,
});

/** No registry of this name can be had, or the files that its configuration names cannot be read. */
export class RegistryOpenError extends Data.TaggedError("RegistryOpenError")<{
  readonly registry: string;
  readonly known: ReadonlyArray<string>;
  /** What was wrong with one that is configured. */
  readonly why?: string | undefined;
}> {
  override get message(): string {
    if (this.why !== undefined) return `registry ${this.registry} cannot be opened: ${this.why}`;
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
    const open = (settings: RegistryConfig): Effect.Effect<Registry, RegistryOpenError> =>
      connectByType(settings, counting(settings.name)).pipe(
        Scope.provide(scope),
        Effect.tap((registry) => Effect.sync(() => opened.set(settings.name, registry))),
        Effect.mapError(({ detail }) => new RegistryOpenError({ registry: settings.name, known, why: detail })),
      );
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

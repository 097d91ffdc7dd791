import { type CompiledRoutes, compileRoutes, type RegistryLookup } from "@drayage/domain";
import type { Config, RegistryConfig } from "./model.ts";

/** What the configuration must know of a registry type, apart from its adapter. */
export const REGISTRY_TYPES: Readonly<Record<RegistryConfig["type"], { readonly repositoryKey: boolean }>> = {
  oci: { repositoryKey: false },
  artifactory: { repositoryKey: true },
  ecr: { repositoryKey: false },
  "artifact-registry": { repositoryKey: false },
};

export const isRegistryType = (word: unknown): word is RegistryConfig["type"] =>
  typeof word === "string" && Object.hasOwn(REGISTRY_TYPES, word);

/** For the functions of the domain that ask whether names of a registry begin with a repository key. */
export const registryLookup =
  (config: Pick<Config, "registries">): RegistryLookup =>
  (name) => {
    const registry = Object.hasOwn(config.registries, name) ? config.registries[name] : undefined;
    return registry === undefined ? undefined : REGISTRY_TYPES[registry.type];
  };

/** The routes of a configuration, ready to be asked. Cannot fail: `loadConfig` has checked them. */
export const compiledRoutes = (config: Pick<Config, "registries" | "routes">): CompiledRoutes =>
  compileRoutes(config.routes, registryLookup(config));

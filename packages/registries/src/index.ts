/** The registries of a configuration, each through the adapter of its type. The only place that knows all adapters. */
export { adapterOf, adapters, openRegistries, type Registries, RegistryOpenError, traitsOf } from "./registries.ts";

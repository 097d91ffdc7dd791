/** The registries of a configuration, each through the adapter of its type. The only place that knows all adapters. */
export { notificationListenersOf, notificationReaderOf } from "./by-type.ts";
export { openRegistries, type Registries, RegistryOpenError, traitsOf } from "./registries.ts";

/** drayage.yaml: found, read, checked, and turned into one typed value. */
export { DEFAULT_FILE, type Loaded, type LoadOptions, loadConfig } from "./load.ts";
export type {
  AdminToken,
  ArtifactoryRegistryConfig,
  BusConfig,
  Config,
  EcrRegistryConfig,
  Listen,
  NetworkConfig,
  OciRegistryConfig,
  PubSubConfig,
  RegistryCommon,
  RegistryConfig,
} from "./model.ts";
export { ConfigError, formatProblem, type Problem } from "./problem.ts";
export { jsonSchema, referenceMarkdown } from "./reference.ts";
export { compiledRoutes, REGISTRY_TYPES, registryLookup } from "./registry-types.ts";
export { parseDuration } from "./units.ts";

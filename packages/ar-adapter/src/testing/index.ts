/** For tests and demonstrations: Artifact Registry in this process. */
export {
  type ArtifactRegistryServer,
  type ArtifactRegistryServerOptions,
  type GcrMessage,
  startArtifactRegistry,
} from "./start-artifact-registry.ts";

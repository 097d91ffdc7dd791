export {
  type ArtifactRegistryNotifications,
  type ArtifactRegistryOptions,
  artifactRegistryAdapter,
} from "./adapter.ts";
export type { RepositoryCreation } from "./api.ts";
export { type GoogleIdentity, googleAuth } from "./credentials.ts";
export type { PushSettings } from "./oidc.ts";

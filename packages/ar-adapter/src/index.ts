export {
  type ArtifactRegistryNotifications,
  type ArtifactRegistryOptions,
  artifactRegistryAdapter,
} from "./adapter.ts";
export type { RepositoryCreation } from "./api.ts";
export { type GoogleIdentity, type GoogleTokens, googleTokens } from "./credentials.ts";
export type { PushSettings } from "./oidc.ts";

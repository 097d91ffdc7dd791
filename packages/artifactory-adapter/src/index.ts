/** JFrog Artifactory (`type: artifactory`): its traits, its webhooks, its catalogue. */
export { type ArtifactoryOptions, artifactoryAdapter } from "./adapter.ts";

/** JFrog Artifactory (`type: artifactory`): its traits, its webhooks, its catalogue. */
export { artifactoryAdapter } from "./adapter.ts";

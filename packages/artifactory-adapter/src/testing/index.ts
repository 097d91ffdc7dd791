/** For tests and demonstrations: Artifactory in this process. */
export type { TestUser } from "./access.ts";
export type { TestKey } from "./keys.ts";
export { type Artifactory, type ArtifactoryPersonality, startArtifactory } from "./start-artifactory.ts";
export type { Subscription } from "./subscriptions.ts";
export type { Delivery } from "./webhooks.ts";

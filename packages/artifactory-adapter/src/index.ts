/** JFrog Artifactory (`type: artifactory`): its traits, its webhooks, its catalogue. */
export { type ArtifactoryOptions, artifactoryAdapter } from "./adapter.ts";
export {
  type AppliedWebhook,
  applyWebhook,
  type WantedWebhook,
  WEBHOOK_DOMAINS,
  type WebhookDomain,
} from "./subscription.ts";

/** The registries of a configuration, each through the adapter of its type. The only place that knows all adapters. */

export {
  type AppliedWebhook,
  applyArtifactoryWebhook,
  WEBHOOK_DOMAINS,
  type WebhookDomain,
} from "./artifactory-webhook.ts";
export {
  adapterTraits,
  connectByType,
  notificationListenersOf,
  notificationReaderOf,
  outboundHostsOf,
} from "./by-type.ts";
export { openRegistries, type Registries, RegistryOpenError, traitsOf } from "./registries.ts";

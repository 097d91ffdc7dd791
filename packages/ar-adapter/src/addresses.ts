import type { OutboundHost, RegistrySettings } from "@drayage/oci-core";
import type { ArtifactRegistryOptions } from "./adapter.ts";

/**
 * Hosts beside the registry's own. Who gives default credentials (metadata server, federation) depends on where Drayage runs and not on the
 * configuration. Blobs come from the registry's own host; where one is redirected to storage, `dray doctor --egress` shows what it has named.
 * Source: facts/artifact-registry.md 3.5, 6.1, facts/pubsub.md 4, 6.
 */
export const outboundHosts = (
  _settings: RegistrySettings,
  { api, identity, notifications }: ArtifactRegistryOptions,
): ReadonlyArray<OutboundHost> => [
  at(api, "API"),
  // The key is exchanged for tokens there.
  ...(identity._tag === "ServiceAccountKey" ? [at(new URL("https://oauth2.googleapis.com"), "tokens")] : []),
  ...(notifications._tag === "Subscription" ? [at(new URL("https://pubsub.googleapis.com"), "subscription")] : []),
  ...(notifications._tag === "Push"
    ? [at(notifications.keys ?? new URL("https://www.googleapis.com"), "keys of tokens")]
    : []),
];

const at = ({ hostname, port, protocol }: URL, purpose: string): OutboundHost => ({
  host: hostname,
  port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  purpose,
});

import {
  type AppliedWebhook,
  applyWebhook,
  type WantedWebhook,
  WEBHOOK_DOMAINS,
  type WebhookDomain,
} from "@drayage/artifactory-adapter";
import type { ArtifactoryRegistryConfig } from "@drayage/config";
import type { RegistryAuth, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { authOf } from "./auth.ts";
import { networkOf } from "./network.ts";

export type { AppliedWebhook, WebhookDomain };
export { WEBHOOK_DOMAINS };

/** Creates or updates the webhook at an Artifactory of the configuration. `identity`: instead of the registry's own, which needs no rights to manage webhooks. */
export const applyArtifactoryWebhook = (
  config: ArtifactoryRegistryConfig,
  wanted: Omit<WantedWebhook, "secrets">,
  options: { readonly dryRun: boolean; readonly identity?: RegistryAuth | undefined },
): Effect.Effect<AppliedWebhook, RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const { name, url, traits, realms } = config;
    const network = yield* networkOf(name, config.network);
    const auth = options.identity === undefined ? yield* authOf(config) : [options.identity];
    const settings = { name, url, traits, realms, auth, network };
    return yield* applyWebhook(settings, config.api, { ...wanted, secrets: config.notifications }, options);
  });

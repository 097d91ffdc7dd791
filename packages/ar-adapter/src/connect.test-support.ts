import type { Registry } from "@drayage/oci-core";
import type * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { type ArtifactRegistryOptions, artifactRegistryAdapter } from "./adapter.ts";
import { googleTokens } from "./credentials.ts";
import type { ArtifactRegistryServer } from "./testing/index.ts";

/** The adapter at a personality, with its access token. */
export const connectTo = (
  server: ArtifactRegistryServer,
  options: Partial<ArtifactRegistryOptions> & { readonly token?: string } = {},
): Effect.Effect<Registry, never, Scope.Scope> => {
  const { token = server.accessToken, ...more } = options;
  const identity = { _tag: "AccessToken", token: Redacted.make(token) } as const;
  return artifactRegistryAdapter.connect(
    { name: "eu", url: server.url, auth: [], traits: { requestsPerSecond: 10_000 } },
    {
      host: server.host,
      location: server.location,
      project: server.project,
      api: server.url,
      identity,
      tokens: googleTokens("eu", identity),
      notifications: { _tag: "None" },
      ...more,
    },
  );
};

import type { Registry, RegistryAuth, RegistrySettings } from "@drayage/oci-core";
import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import type * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { type ArtifactoryOptions, artifactoryAdapter } from "./adapter.ts";
import type { Artifactory } from "./testing/index.ts";

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("not a name");
  return value;
};
export const repo = (text: string) => must(parseRepositoryName(text));
export const tag = (text: string) => must(parseTag(text));
export const digest = (text: string) => must(parseDigest(text));

export const basicOf = ({ user }: Artifactory): RegistryAuth => ({
  _tag: "Basic",
  username: user.name,
  password: Redacted.make(user.password),
});

export const settingsFor = (artifactory: Artifactory, more: Partial<RegistrySettings> = {}): RegistrySettings => ({
  name: "art",
  url: artifactory.registry.url,
  auth: [basicOf(artifactory)],
  traits: {},
  ...more,
});

/** Our client on a running Artifactory. */
export const connectTo = (
  artifactory: Artifactory,
  options: Partial<ArtifactoryOptions> = {},
  settings: Partial<RegistrySettings> = {},
): Effect.Effect<Registry, never, Scope.Scope> =>
  artifactoryAdapter.connect(settingsFor(artifactory, settings), {
    secrets: { scheme: "shared-secret", secrets: [] },
    ...options,
  });

/** Where a name of any host leads: by subdomain and hyphen each key is a host of its own. */
export const namedHost = ({ registry }: Artifactory, host: string): Partial<RegistrySettings> => ({
  url: new URL(`http://${host}`),
  network: { endpoint: registry.url },
});

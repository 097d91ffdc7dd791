import {
  type Adapter,
  connectRegistry,
  type NotificationReader,
  openApi,
  type RegistryError,
  type RegistrySettings,
  type RegistryTraits,
  reauthenticating,
  reauthenticatingApi,
  renamed,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { outboundHosts } from "./addresses.ts";
import { makeApi, type RepositoryCreation } from "./api.ts";
import type { GoogleIdentity, GoogleTokens } from "./credentials.ts";
import { examineArtifactRegistry } from "./examine.ts";
import { makeListing, TAGS_LIST_MAX } from "./listing.ts";
import { inward, outward, type Place } from "./locate.ts";
import { type PushSettings, pushProof } from "./oidc.ts";
import { parseArtifactRegistry } from "./parse.ts";
import { subscriptionListener } from "./subscription.ts";
import { acceptingEqual, creating, deletingInOrder } from "./writing.ts";

/** Source of each value: facts/artifact-registry.md, the section named. */
const traits: RegistryTraits = {
  ...STANDARD_TRAITS,
  /** 6.2: one whole body; several chunks are refused. */
  upload: "put",
  /** 6.3: a mount may be fulfilled within one host, and is never relied on. */
  presence: "head",
  /** 5.2 */
  tagDelete: "tag",
  /** 6.4 */
  referrers: "api",
  /** 5.1: children must exist before an index that names them. */
  sparseIndex: "refused",
  /** 4.3: a smaller page is cut without a word. */
  tagPageSize: TAGS_LIST_MAX,
  /** 7: a thousand a second for the whole project and region, which production pulls need too. */
  requestsPerSecond: 50,
};

/** Where a registry's notifications come from. */
export type ArtifactRegistryNotifications =
  | { readonly _tag: "None" }
  | { readonly _tag: "Subscription"; readonly subscription: string }
  | ({ readonly _tag: "Push" } & PushSettings);

/** What only `type: artifact-registry` has in the configuration. */
export interface ArtifactRegistryOptions extends Place {
  readonly identity: GoogleIdentity;
  /** Of `identity`. */
  readonly tokens: GoogleTokens;
  /** Base of the REST API, and nothing below it. */
  readonly api: URL;
  readonly notifications: ArtifactRegistryNotifications;
  /** Absent: a missing repository stays missing. */
  readonly createRepositories?: RepositoryCreation | undefined;
}

/** Google Artifact Registry, and Container Registry as it serves it. Our names begin below the project. */
export const artifactRegistryAdapter: Adapter<ArtifactRegistryOptions> = {
  type: "artifact-registry",
  traits,
  connect: (settings, options) =>
    Effect.gen(function* () {
      const { name, network, observe, url } = settings;
      const { tokens } = options;
      const { auth } = tokens;
      const all = { ...traits, ...settings.traits };
      // One quota for all registries of a project and region, and for the API (facts/artifact-registry.md 7).
      const quota = {
        name: `artifact-registry ${options.project} ${options.location}`,
        requestsPerSecond: all.requestsPerSecond,
      };
      const client = yield* connectRegistry({ ...settings, auth, traits: all, quota: quota.name });
      const standard = reauthenticating(client, tokens, refusesToken);
      const v2 = reauthenticatingApi(
        yield* openApi({ name, auth, network, observe, url, quota }),
        tokens,
        refusesToken,
      );
      const elsewhere = { ...network, endpoint: undefined };
      const rest = reauthenticatingApi(
        yield* openApi({ name, auth, network: elsewhere, observe, url: options.api, quota }),
        tokens,
        refusesToken,
      );
      const api = makeApi(rest, name, options);
      const listing = makeListing(name, options, api, v2);
      const plain = renamed(standard, {
        outward: (ours) => outward(options, ours),
        inward: (theirs) => inward(options, theirs),
      });
      const ordered = acceptingEqual(deletingInOrder(plain, listing), listing);
      const registry = {
        ...ordered,
        tags: listing.tags,
        repositories: api.repositories,
        powers: { list: listing.list, parents: listing.parents, examine: examineArtifactRegistry(name, api, options) },
      };
      return options.createRepositories === undefined ? registry : creating(registry, api, options.createRepositories);
    }),
  notifications: readerOf,
  hosts: outboundHosts,
  listeners: ({ name }: RegistrySettings, { notifications, identity }) =>
    notifications._tag === "Subscription"
      ? [subscriptionListener({ registry: name, subscription: notifications.subscription, identity })]
      : [],
};

/** By the registry or its API: what Google's token service refuses has no status, and no other token mends it. Source: facts/artifact-registry.md 3.1. */
const refusesToken = ({ reason, status }: RegistryError): boolean => reason === "unauthorized" && status === 401;

/** A message names at most a tag and a digest; whatever else hangs on it is no notification. */
const BYTES_MAX = 64 * 1024;

function readerOf(options: ArtifactRegistryOptions): NotificationReader {
  const { notifications } = options;
  const base = {
    bytesMax: BYTES_MAX,
    parse: (request: Parameters<NotificationReader["parse"]>[0]) => parseArtifactRegistry(options, request),
  };
  switch (notifications._tag) {
    case "None":
      return { ...base, proof: "nothing", scheme: "none", authenticate: () => false };
    case "Subscription":
      // They are fetched: nobody may post any.
      return { ...base, proof: "by-headers", scheme: "subscription", authenticate: () => false };
    case "Push":
      return { ...base, proof: "by-headers", scheme: "push", authenticate: pushProof(notifications) };
  }
}

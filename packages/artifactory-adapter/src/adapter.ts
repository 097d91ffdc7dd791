import {
  type Adapter,
  connectRegistry,
  type NotificationSecrets,
  type OutboundHost,
  openApi,
  proofOf,
  type Registry,
  type RegistrySettings,
  type RegistryTraits,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { absenceOf } from "./absence.ts";
import { type Access, addressOf, apiBaseOf } from "./access.ts";
import { authenticateArtifactory } from "./authenticate.ts";
import { repositoriesOf } from "./catalog.ts";
import { deleteBy } from "./delete.ts";
import { examineBy } from "./examine.ts";
import { connectKeyed } from "./keyed.ts";
import { type Keys, openKeys } from "./keys.ts";
import { listBySearch } from "./list.ts";
import { parseArtifactory } from "./parse.ts";
import { pollListener } from "./poll.ts";
import { findBy, parentsBy, promoteBy } from "./powers.ts";
import { openSearch } from "./search.ts";
import { type KeyKind, makeSources } from "./sources.ts";

/** Source of each value: facts/artifactory.md, the section named. */
const traits: RegistryTraits = {
  ...STANDARD_TRAITS,
  /** 2.6: one whole PUT is said to be unreliable (RTFACT-19344); Harbor always does POST, PATCH, PUT. */
  upload: "patch",
  /** 2.4, 2.6: no evidence that it ever mounts, and HEAD finds a blob anywhere in the repository key. */
  presence: "head",
  /**
   * 3.7: by digest every tag of it goes, also those that we may not see (2.5: lists are filtered by permission). By tag works on current
   * versions; with an old one the tag's folder is removed, and where that is not safe either the way of `digest` with its checks is taken.
   */
  tagDelete: "probe",
  /** 2.7: there since 7.90.1, unless the repository has it switched off. */
  referrers: "unknown",
  /** 2.3: its entity tags are SHA-1, and measurements of its conditional answers contradict each other. */
  conditional: "never",
  /** 2.5: without a size all tags come in one answer. */
  tagPageSize: 1000,
  /** 3.8: cloud instances have unpublished limits, and other clients need the instance too. */
  concurrency: 16,
  repositoryKey: true,
};

/** What only `type: artifactory` has in the configuration. */
export interface ArtifactoryOptions {
  readonly secrets: NotificationSecrets;
  /** Default: `repository-path`. */
  readonly access?: Access | undefined;
  /** Base of the REST API. Default: `/artifactory` on the registry's own host. */
  readonly api?: URL | undefined;
  /** Repository keys that are not what they seem, by key. */
  readonly repositories?: Readonly<Record<string, KeyKind>> | undefined;
  /** Milliseconds between two looks for changes. Default: no polling. */
  readonly pollEveryMs?: number | undefined;
}

/** JFrog Artifactory. Manifests, blobs and tags are the standard client's; listings, promotion and searches the REST API's. */
export const artifactoryAdapter: Adapter<ArtifactoryOptions> = {
  type: "artifactory",
  traits,
  connect: (given, options) =>
    Effect.gen(function* () {
      const settings = { ...given, traits: { ...traits, ...given.traits } };
      const apiBase = apiBaseOf(settings.url, options.api);
      const { api, keys, search } = yield* openRest(settings, apiBase);
      const sources = makeSources(options.repositories);
      const registry = yield* connectByAccess(settings, options.access ?? "repository-path", apiBase, keys);
      const find = findBy(api);
      return {
        ...registry,
        url: settings.url,
        repositories: () => repositoriesOf({ settings, api: apiBase, keys, search, sources }),
        deleteManifest: deleteBy(api, registry),
        powers: {
          list: (repository) => Stream.suspend(() => listBySearch(registry, search)(repository)),
          promote: promoteBy(api, settings.name),
          find,
          parents: parentsBy(api, settings.name, find),
          absence: absenceOf(keys, sources),
          examine: examineBy({ keys, search, sources, options }),
        },
      };
    }),
  notifications: ({ secrets, repositories }) => {
    const sources = makeSources(repositories);
    return {
      // Captured bodies are below 1 KiB, a custom template at most 50 KiB (facts/artifactory.md 1.3).
      bytesMax: 256 * 1024,
      proof: proofOf(secrets),
      scheme: secrets.scheme,
      authenticate: (request) => authenticateArtifactory(request, secrets),
      parse: (request) => parseArtifactory(request, sources),
    };
  },
  listeners: (settings, { api, repositories, pollEveryMs }) =>
    pollEveryMs === undefined
      ? []
      : [
          pollListener({
            everyMs: pollEveryMs,
            sources: makeSources(repositories),
            open: openRest(settings, apiBaseOf(settings.url, api)),
          }),
        ],
  hosts: ({ url }, { access, api }) => [
    ...(api === undefined || api.origin === url.origin ? [] : [hostOf(api, "API")]),
    ...(typeof access === "object" ? Object.keys(access.ports).flatMap((key) => keyHost(url, access, key)) : []),
  ],
};

const openRest = (settings: RegistrySettings, base: URL) =>
  Effect.gen(function* () {
    const api = yield* openApi({ ...settings, url: base });
    return { api, keys: yield* openKeys(api), search: openSearch(api, { registry: settings.name }) };
  });

/**
 * By repository path the standard client does everything, and keeps its own path where the `Link` of Artifactory lacks the key (RTFACT-18971).
 * In every other form each key has an address of its own.
 */
const connectByAccess = (
  settings: RegistrySettings & { readonly traits: RegistryTraits },
  access: Access,
  api: URL,
  { packageTypeOf }: Keys,
): Effect.Effect<Registry, never, Scope.Scope> =>
  access === "repository-path"
    ? connectRegistry({ ...settings, url: new URL(settings.url.origin) })
    : connectKeyed({ settings, access, api, packageTypeOf });

const hostOf = (url: URL, purpose: string): OutboundHost => ({
  host: url.hostname,
  port: Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port),
  purpose,
});

const keyHost = (url: URL, access: Exclude<Access, string>, key: string): ReadonlyArray<OutboundHost> => {
  const address = addressOf(url, url, access, key, "docker");
  return address._tag === "At" ? [hostOf(address.url, `repository ${key}`)] : [];
};

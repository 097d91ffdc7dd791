import {
  type Answer,
  type Exchange,
  json,
  type RegistryChange,
  refusal,
  type StrictRegistry,
  type StrictRegistryRules,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type Content, deletionRefusal, extendedTags, immutableRefusal } from "./content.ts";
import { type HeldRepository, makeRest } from "./rest.ts";

/** What the topic `gcr` gets. References name `<location>-docker.pkg.dev`, as the service writes them. */
export interface GcrMessage {
  readonly action: "INSERT" | "DELETE";
  readonly digest?: string | undefined;
  readonly tag?: string | undefined;
}

/** How it begins; everything is optional. */
export interface ArtifactRegistryServerOptions {
  /** Default `acme-prod`. */
  readonly project?: string | undefined;
  /** Default `europe-west4`. */
  readonly location?: string | undefined;
  /** Repositories that are there. Default `images`, or that of `gcr`. */
  readonly repositories?: ReadonlyArray<string> | undefined;
  /** A host of Container Registry, e.g. `eu.gcr.io`: names at `/v2/` have no repository then, since the host stands for it. Default: none. */
  readonly gcr?: string | undefined;
  /** The access token that is taken. Default `ya29.test`. */
  readonly accessToken?: string | undefined;
  /** Whether tags can never be moved or deleted. Default false. */
  readonly immutableTags?: boolean | undefined;
  /** Limits that answer 429. Default: none. */
  readonly rates?: StrictRegistryRules["rates"] | undefined;
  /** Whether the REST API may be used, or answers 403. Default true. */
  readonly rest?: boolean | undefined;
  /** Called with every message of the topic: hand it to an emulator, or post it. */
  readonly publish?: ((message: GcrMessage) => void) | undefined;
  readonly port?: number | undefined;
}

/** A running Artifact Registry. `url` serves the registry as well as the REST API. */
export interface ArtifactRegistryServer extends StrictRegistry {
  readonly project: string;
  readonly location: string;
  readonly accessToken: string;
  /** Repositories of Artifact Registry that are there. */
  readonly artifactRepositories: () => ReadonlyArray<string>;
  /** From now on this one is taken, and `accessToken` and all others before are refused. */
  readonly takeToken: (accessToken: string) => void;
  /** Sets up a repository of Artifact Registry in another way. */
  readonly setUp: (repository: string, changes: Partial<HeldRepository>) => void;
  /** All messages so far. */
  readonly messages: () => ReadonlyArray<GcrMessage>;
}

/**
 * Artifact Registry as far as clients can tell: access tokens alone, 403 for what is missing, one body for a blob, no mounts, uploads and downloads
 * on paths of their own, tags/list with every digest, deletion in order only, and a part of the REST API. Source: facts/artifact-registry.md.
 */
export const startArtifactRegistry = (
  options: ArtifactRegistryServerOptions = {},
): Effect.Effect<ArtifactRegistryServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { project = "acme-prod", location = "europe-west4", accessToken = "ya29.test" } = options;
    const { gcr } = options;
    const { repositories = [gcr ?? "images"], immutableTags = false, rest = true, port, rates = [] } = options;
    const held = new Map<string, HeldRepository>(repositories.map((name) => [name, { immutableTags }]));
    const prefixOf = (repository: string): string => (gcr === undefined ? `${project}/${repository}/` : `${project}/`);
    const messages: Array<GcrMessage> = [];
    let taken = accessToken;
    const content: { current?: Content } = {};
    const host = gcr ?? `${location}-docker.pkg.dev`;
    const api = makeRest({ project, location, host, repositories: held, content: () => content.current, prefixOf });

    const server: StrictRegistry = yield* startStrictRegistry({
      port,
      rates,
      mount: "refused",
      patches: "refuse",
      listPageMax: 10_000,
      catalog: false,
      locations: "relative",
      relocate: { uploads: "/artifacts-uploads", downloads: "/artifacts-downloads" },
      intercept: async (exchange) => {
        const path = decodeURIComponent(exchange.url.pathname);
        if (path === "/v2/token") return issue(exchange, taken);
        const refused = unauthorized(exchange, taken);
        if (refused !== undefined) return refused;
        if (path.startsWith("/v1/")) return rest ? api(exchange) : forbidden();
        return path.startsWith("/v2/") && path !== "/v2/" ? serve(exchange, path) : undefined;
      },
    });
    content.current = server;

    const serve = (exchange: Exchange, path: string): Answer | undefined => {
      const [, name = "", kind = "", reference = ""] =
        /^\/v2\/(.+?)\/(manifests|blobs|tags|referrers)\/(.+)$/.exec(path) ?? [];
      const parts = name.split("/");
      if (parts.length < 2)
        return refusal(400, "NAME_INVALID", `invalid number of path components: ${name === "" ? 0 : 1}`);
      const [owner, second = ""] = parts;
      const repository = gcr ?? second;
      const found = owner === project ? held.get(repository) : undefined;
      if (found === undefined) return denied(project, location, repository);
      if (gcr === undefined && parts.length < 3 && kind !== "tags")
        return refusal(400, "NAME_INVALID", "an image has a name");
      if (kind === "tags") return exchange.method === "GET" ? extendedTags(server, name, exchange.url) : undefined;
      if (kind !== "manifests") return undefined;
      return (
        (found.immutableTags && exchange.method === "DELETE" ? immutableRefusal(server, name, reference) : undefined) ??
        (exchange.method === "DELETE" ? deletionRefusal(server, name, reference) : undefined)
      );
    };

    server.configure({
      immutable: immutableTags
        ? {
            tags: /./,
            status: 400,
            code: "MANIFEST_INVALID",
            sameDigest: "accepted",
            message: "cannot update tag. The repository has enabled tag immutability",
          }
        : undefined,
    });
    server.onChange((change) => {
      const message = messageOf(host, change);
      if (message === undefined) return;
      messages.push(message);
      options.publish?.(message);
    });
    return {
      ...server,
      project,
      location,
      accessToken,
      takeToken: (token) => {
        taken = token;
      },
      setUp: (repository, changes) => {
        held.set(repository, { immutableTags, ...held.get(repository), ...changes });
      },
      artifactRepositories: () => [...held.keys()],
      messages: () => messages,
    };
  });

/** No credential: a challenge. A wrong one: none. */
const unauthorized = ({ headers, url }: Exchange, accessToken: string): Answer | undefined => {
  if (headers.authorization === undefined)
    return refusal(401, "UNAUTHORIZED", "not authenticated: No credential was supplied.", undefined, {
      "WWW-Authenticate": `Bearer realm="${url.origin}/v2/token"`,
    });
  const isKnown = headers.authorization === `Bearer ${accessToken}` || headers.authorization === basicOf(accessToken);
  return isKnown ? undefined : refusal(401, "UNAUTHORIZED", "authentication failed");
};

const basicOf = (accessToken: string): string =>
  `Basic ${Buffer.from(`oauth2accesstoken:${accessToken}`).toString("base64")}`;

/** The token endpoint of docker login: GET alone, and a token that is not limited to its scope. Source: facts/artifact-registry.md 3.2. */
const issue = ({ method, headers }: Exchange, accessToken: string): Answer => {
  if (method !== "GET") return refusal(405, "UNSUPPORTED", "method not allowed", undefined, { Allow: "GET" });
  return headers.authorization === basicOf(accessToken)
    ? json(200, { token: accessToken, expires_in: 43_200 })
    : refusal(401, "UNAUTHORIZED", "authentication failed");
};

const denied = (project: string, location: string, repository: string): Answer =>
  refusal(
    403,
    "DENIED",
    `Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/${project}/locations/${location}/repositories/${repository}" (or it may not exist)`,
  );

const forbidden = (): Answer =>
  json(403, { error: { code: 403, message: "The caller does not have permission", status: "PERMISSION_DENIED" } });

const messageOf = (host: string, { action, what, repository, tag, digest }: RegistryChange): GcrMessage | undefined => {
  const name = `${host}/${repository}`;
  if (action === "push" && what === "manifest")
    return {
      action: "INSERT",
      digest: `${name}@${digest}`,
      ...(tag === undefined ? {} : { tag: `${name}:${tag}` }),
    };
  if (action !== "delete" || what === "blob") return undefined;
  return {
    action: "DELETE",
    ...(tag === undefined ? { digest: `${name}@${digest}` } : { tag: `${name}:${tag}` }),
  };
};

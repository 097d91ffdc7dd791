import { type Answer, empty, json, refusal, text } from "./answer.ts";
import type { Scope } from "./auth.ts";
import { handleBlob } from "./blobs.ts";
import type { Exchange } from "./exchange.ts";
import { isName } from "./grammar.ts";
import { listReferrers, listRepositories, listTags } from "./listings.ts";
import { handleManifest } from "./manifests.ts";
import type { RegistryState } from "./state.ts";
import { handleUpload, startUpload } from "./upload-routes.ts";

/** A request that has an address here: what it may do once the scopes are granted. */
export interface Route {
  /** One word for the request log: `manifest`, `blob`, `upload`, … */
  readonly name: string;
  readonly scopes: ReadonlyArray<Scope>;
  readonly handle: (state: RegistryState, exchange: Exchange) => Answer | Promise<Answer>;
}

/** The endpoints of a repository, each by the path after its name. */
const ENDPOINTS: ReadonlyArray<{
  readonly name: string;
  readonly path: RegExp;
  readonly methods: ReadonlyArray<string>;
  readonly handle: (
    state: RegistryState,
    exchange: Exchange,
    repository: string,
    rest: string,
  ) => Answer | Promise<Answer>;
}> = [
  { name: "tags", path: /^\/v2\/(.+)\/tags\/list$/, methods: ["GET"], handle: listTags },
  {
    name: "manifest",
    path: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
    methods: ["GET", "HEAD", "PUT", "DELETE"],
    handle: handleManifest,
  },
  { name: "start-upload", path: /^\/v2\/(.+)\/blobs\/uploads\/$/, methods: ["POST"], handle: startUpload },
  { name: "start-upload", path: /^\/v2\/(.+)\/blobs\/uploads$/, methods: ["POST"], handle: addSlash },
  {
    name: "upload",
    path: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    methods: ["GET", "PATCH", "PUT", "DELETE"],
    handle: handleUpload,
  },
  { name: "blob", path: /^\/v2\/(.+)\/blobs\/([^/]+)$/, methods: ["GET", "HEAD", "DELETE"], handle: handleBlob },
  { name: "referrers", path: /^\/v2\/(.+)\/referrers\/([^/]+)$/, methods: ["GET"], handle: listReferrers },
];

/** docker-registry redirects here, and a client that follows with GET, or loses the body, shows itself. */
function addSlash(_state: RegistryState, exchange: Exchange): Answer {
  return empty(301, { Location: `${exchange.url.pathname}/${exchange.url.search}` });
}

/** Finds the route, or says what is wrong with the address. */
export const findRoute = (exchange: Exchange): Route => {
  const path = decode(exchange.url.pathname);
  if (path === undefined)
    return refused("unknown", refusal(400, "NAME_INVALID", "the path is not valid percent-encoding"));
  if (path === "/v2") return refused("ping", empty(301, { Location: "/v2/" }));
  if (path === "/v2/") return { name: "ping", scopes: [], handle: () => json(200, {}) };
  if (path === "/v2/_catalog") {
    return {
      name: "catalog",
      scopes: [{ type: "registry", name: "catalog", actions: ["*"] }],
      handle: listRepositories,
    };
  }
  for (const endpoint of ENDPOINTS) {
    const [, repository, rest = ""] = endpoint.path.exec(path) ?? [];
    if (repository === undefined) continue;
    if (!isName(repository)) {
      return refused(endpoint.name, refusal(400, "NAME_INVALID", "invalid repository name", { name: repository }));
    }
    if (!endpoint.methods.includes(exchange.method)) {
      return refused(
        endpoint.name,
        refusal(405, "UNSUPPORTED", "the operation is unsupported", { method: exchange.method }),
      );
    }
    return {
      name: endpoint.name,
      scopes: scopesOf(endpoint.name, exchange, repository),
      handle: (state, by) => endpoint.handle(state, by, repository, rest),
    };
  }
  return refused("unknown", text(404, "404 page not found\n"));
};

const refused = (name: string, answer: Answer): Route => ({ name, scopes: [], handle: () => answer });

/** As docker-registry 2.8.2 asks for them (facts/oci.md section 8.1); cancelling one's own upload is part of pushing. */
const scopesOf = (route: string, exchange: Exchange, repository: string): ReadonlyArray<Scope> => {
  const own = (...actions: ReadonlyArray<string>): Scope => ({ type: "repository", name: repository, actions });
  if (exchange.method === "DELETE" && route !== "upload") return [own("delete")];
  if (exchange.method === "HEAD" || (exchange.method === "GET" && route !== "upload")) return [own("pull")];
  const from = exchange.url.searchParams.get("from");
  const mounts = route === "start-upload" && from !== null && isName(from);
  return mounts ? [own("pull", "push"), { type: "repository", name: from, actions: ["pull"] }] : [own("pull", "push")];
};

const decode = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
};

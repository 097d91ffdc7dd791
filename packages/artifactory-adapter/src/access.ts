import { parseRepositoryName, type RepositoryName } from "@drayage/oci-core/model";

/**
 * How a repository key is addressed. `repository-path`: `host/v2/<key>/<image>`. `subdomain`: `<key>.host`. `hyphen`: the form of the cloud,
 * `acme-<key>.jfrog.io`. `ports`: a port of its own for each key. `direct`: `<api>/api/docker/<key>`, which needs no rule in a proxy.
 * Names are `<key>/<image>` in every form. Source: facts/artifactory.md 2.1.
 */
export type Access =
  | "repository-path"
  | "subdomain"
  | "hyphen"
  | "direct"
  | { readonly ports: Readonly<Record<string, number>> };

/** A name as Drayage has it, in its two parts. */
export interface KeyedName {
  readonly key: string;
  readonly image: RepositoryName;
}

/** `<key>/<image>` apart; `undefined` where there is no image, or none by the grammar. */
export const splitName = (name: string): KeyedName | undefined => {
  const [key = "", ...rest] = name.split("/");
  const image = parseRepositoryName(rest.join("/"));
  return image === undefined ? undefined : { key, image };
};

/** The name of an image below a key, where both are such as can stand in a reference. */
export const joinName = (key: string, image: string): RepositoryName | undefined =>
  key.includes("/") ? undefined : parseRepositoryName(`${key}/${image}`);

/** Where the registry of one key answers, or why it has no address. */
export type KeyAddress =
  | { readonly _tag: "At"; readonly url: URL }
  | { readonly _tag: "Nowhere"; readonly why: string };

/** `api`: base of the REST API. `packageType`: of the key, in the words of the API. Not for `repository-path`, where all keys have one address. */
export const addressOf = (
  url: URL,
  api: URL,
  access: Exclude<Access, "repository-path">,
  key: string,
  packageType: string,
): KeyAddress => {
  const at = new URL(url.origin);
  if (access === "direct")
    return { _tag: "At", url: new URL(`${api.href.replace(/\/+$/, "")}/api/${packageType}/${key}`) };
  if (access === "subdomain") return hostNamed(at, `${key}.${at.hostname}`, key);
  if (access === "hyphen") {
    const [label = "", ...domain] = at.hostname.split(".");
    return hostNamed(at, [`${label}-${key}`, ...domain].join("."), key);
  }
  const port = Object.hasOwn(access.ports, key) ? access.ports[key] : undefined;
  if (port === undefined)
    return { _tag: "Nowhere", why: `no port is known for the key ${key}: name it in access.ports` };
  at.port = String(port);
  return { _tag: "At", url: at };
};

/** A label of a host name: a key with an underscore or a dot cannot be one, and its requests would go to a host that nobody meant. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const hostNamed = (at: URL, hostname: string, key: string): KeyAddress => {
  if (!LABEL.test(key) || hostname.split(".").some((label) => label.length > 63))
    return {
      _tag: "Nowhere",
      why: `the key ${key} cannot be part of a host name: use access: repository-path or direct`,
    };
  at.hostname = hostname;
  return { _tag: "At", url: at };
};

/** The base of the REST API below a platform host; a proxy that drops or renames the context is configured (`api`). */
export const apiBaseOf = (url: URL, api: URL | undefined): URL => {
  if (api !== undefined) return api;
  const path = url.pathname.replace(/\/+$/, "");
  return new URL(`${url.origin}${path === "" ? "/artifactory" : path}`);
};

import type { TestKeys } from "./keys.ts";

/** A request to the registry API, whatever form its address had. */
export interface Addressed {
  readonly key: string;
  /** What follows `/v2/` without the key. */
  readonly rest: string;
  /** A path of this registry (`/v2/<key>/…`) in the form in which the client asks. */
  readonly inForm: (path: string) => string;
  /** The path of the token endpoint, by the form. */
  readonly tokenPath: string;
}

/** Calls that share the path of the direct form. */
const OF_THE_REST_API: ReadonlySet<string> = new Set(["promote", "parentManifests", "delete"]);

/** Source of the forms: facts/artifactory.md 2.1. By subdomain and hyphen the host name tells the key, so tests lead such names here (`endpoint`). */
export const addressOf = (keys: TestKeys, url: URL): Addressed | undefined => {
  const path = decodeURIComponent(url.pathname);
  const direct = /^\/artifactory\/api\/(docker|oci|helmoci)\/([^/]+)\/v2\/(.*)$/.exec(path);
  if (direct !== null) {
    const [, type = "", key = "", rest = ""] = direct;
    if (OF_THE_REST_API.has(rest)) return undefined;
    // Whether another package type serves a key is not known, so it does not here.
    if (keys.packageTypeOf(key) !== type) return undefined;
    const base = `/artifactory/api/${type}/${key}/v2/`;
    return { key, rest, inForm: (own) => base + withoutKey(key, own), tokenPath: `${base}token` };
  }
  const [, below] = /^\/v2\/(.*)$/.exec(path) ?? [];
  if (below === undefined) return undefined;
  const named = keyOfHost(keys, url.hostname);
  if (named !== undefined)
    return { key: named, rest: below, inForm: (own) => `/v2/${withoutKey(named, own)}`, tokenPath: "/v2/token" };
  const [key = "", ...rest] = below.split("/");
  return { key, rest: rest.join("/"), inForm: (own) => own, tokenPath: "/v2/token" };
};

const withoutKey = (key: string, path: string): string => path.replace(`/v2/${key}/`, "");

/** `<key>.domain` and `name-<key>.domain`. */
const keyOfHost = (keys: TestKeys, hostname: string): string | undefined => {
  const [label = ""] = hostname.split(".");
  return [...keys.all.keys()].find((key) => label === key || label.endsWith(`-${key}`));
};

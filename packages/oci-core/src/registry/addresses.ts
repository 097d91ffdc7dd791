import { BlockList, isIP } from "node:net";

/**
 * What kind of place a host is, as far as its name shows. A registry tells us where to go next (realm, Location, redirect);
 * these are the checks that keep it from sending us into our own network. Source: facts of the OCI client, "Safety".
 */
export type HostKind =
  | "name" // a DNS name that may be public
  | "public" // an address that is routed in the internet
  | "private" // RFC 1918, RFC 4193, carrier-grade NAT
  | "loopback" // 127/8, ::1, localhost
  | "forbidden"; // link-local (cloud metadata), unspecified, multicast: nothing of use ever lives there

const blockList = (
  v4: ReadonlyArray<readonly [string, number]>,
  v6: ReadonlyArray<readonly [string, number]>,
): BlockList => {
  const list = new BlockList();
  for (const [net, prefix] of v4) list.addSubnet(net, prefix, "ipv4");
  for (const [net, prefix] of v6) list.addSubnet(net, prefix, "ipv6");
  return list;
};

const FORBIDDEN = blockList(
  [
    ["169.254.0.0", 16],
    ["0.0.0.0", 8],
    ["224.0.0.0", 3],
  ],
  [
    ["fe80::", 10],
    ["::", 128],
    ["ff00::", 8],
  ],
);
const LOOPBACK = blockList([["127.0.0.0", 8]], [["::1", 128]]);
const PRIVATE = blockList(
  [
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
    ["100.64.0.0", 10],
  ],
  [
    ["fc00::", 7],
    ["64:ff9b::", 96],
  ],
);

/** The kind of an address, IPv4 in IPv6 included. */
export const addressKind = (address: string): Exclude<HostKind, "name"> => {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (FORBIDDEN.check(address, family)) return "forbidden";
  if (LOOPBACK.check(address, family)) return "loopback";
  return PRIVATE.check(address, family) ? "private" : "public";
};

/** The kind of `url.hostname`. `URL` has already rewritten odd spellings (0x7f.1, decimal) to plain addresses. */
export const hostKind = (hostname: string): HostKind => {
  const bare = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (isIP(bare) !== 0) return addressKind(bare);
  return bare === "localhost" || bare.endsWith(".localhost") ? "loopback" : "name";
};

/**
 * Why a URL that the registry named (redirect, Location) must not be called; `undefined` where it may be. Such calls never
 * carry our credentials. Private storage behind a DNS name is common and allowed; a bare private address is
 * allowed only to a registry that is itself in such a place.
 */
export const foreignRefusal = (target: URL, registry: URL): string | undefined => {
  if (target.protocol !== "https:" && target.protocol !== "http:")
    return `the scheme ${target.protocol} is not http or https`;
  if (target.username !== "" || target.password !== "") return "it carries a user name";
  if (registry.protocol === "https:" && target.protocol === "http:") return "it leads from https to http";
  if (target.hostname === registry.hostname) return undefined;
  const kind = hostKind(target.hostname);
  if (kind === "forbidden") return "the address is link-local, unspecified or multicast";
  if ((kind === "private" || kind === "loopback") && !isInner(hostKind(registry.hostname)))
    return "a registry with a public name points to an inner address";
  return undefined;
};

/** Second levels under which others register their names: the site of `reg.example.co.uk` has three labels. */
const SHARED_LEVELS: ReadonlySet<string> = new Set(
  "ac co com edu go gob gov mil ne net nom or org".split(" "), // the usual ones below country codes
);

/** Registries whose token server is on another site of the same owner: site of the registry, site of its realm. */
const SISTER_SITES: ReadonlyMap<string, string> = new Map([["scw.cloud", "scaleway.com"]]);

/** The name that somebody registered: the last two labels, or three; an address is its own site. */
const siteOf = (hostname: string): string => {
  const bare = hostname.replace(/\.$/, "").toLowerCase();
  if (hostKind(bare) !== "name") return bare;
  const labels = bare.split(".");
  const isShared = labels.at(-1)?.length === 2 && SHARED_LEVELS.has(labels.at(-2) ?? "");
  return labels.slice(isShared ? -3 : -2).join(".");
};

/**
 * Why credentials must not go to a realm that is safe to call otherwise; `undefined` where they may. Only to the site of the registry
 * (Docker Hub, GitLab), and to the hosts that the operator listed: a mirror that hands on the challenge of its upstream would give our password
 * for the mirror to the upstream.
 */
export const realmSiteRefusal = (realm: URL, registry: URL, listed: ReadonlyArray<string> = []): string | undefined => {
  if (realm.hostname === registry.hostname || listed.includes(realm.hostname) || listed.includes(realm.host))
    return undefined;
  const [theirs, ours] = [siteOf(realm.hostname), siteOf(registry.hostname)];
  return theirs === ours || SISTER_SITES.get(ours) === theirs
    ? undefined
    : `it is on another site than ${registry.hostname}, and not listed in realms`;
};

/**
 * Why a token realm must not be called; `undefined` where it may. Same host: https, or http for a registry that is
 * itself configured with http. Another host is normal (Docker Hub, GitLab), but only with https and never as an inner address.
 */
export const realmRefusal = (realm: URL, registry: URL): string | undefined => {
  const refusal = foreignRefusal(realm, registry);
  if (refusal !== undefined) return refusal;
  if (realm.hostname === registry.hostname) return undefined;
  if (realm.protocol !== "https:") return "it is on another host without https";
  const kind = hostKind(realm.hostname);
  return kind === "name" || kind === "public" ? undefined : "it is an inner address on another host than the registry";
};

const isInner = (kind: HostKind): boolean => kind === "private" || kind === "loopback";

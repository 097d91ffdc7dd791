import type { Config, RegistryConfig } from "@drayage/config";
import type { Observation, OutboundHost } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";

/** One way out that a firewall must let pass. */
export interface Egress extends OutboundHost {
  /** Which key of the configuration asks for it. */
  readonly key: string;
  /** `configured`: follows from the configuration. `seen`: a registry named it while it was looked at; it may name others later. */
  readonly known: "configured" | "seen";
  /** `host:port` of the proxy that connects in our stead. */
  readonly via?: string | undefined;
}

/** What is known of one registry's hosts. */
export interface RegistryHosts {
  readonly config: RegistryConfig;
  /** What its adapter says. */
  readonly outbound: ReadonlyArray<OutboundHost>;
  readonly others: ReadonlyArray<Pick<Observation, "origin" | "purpose">>;
}

/** Every host and port that Drayage connects to, each once. Pure; no path, user or password is told. */
export const egressOf = (
  config: Pick<Config, "database" | "bus">,
  registries: ReadonlyArray<RegistryHosts>,
): ReadonlyArray<Egress> => {
  const all = [...registries.flatMap(registryEgress), ...databaseEgress(config), ...busEgress(config)];
  return [...new Map(all.map((one) => [`${one.host} ${one.port} ${one.key} ${one.purpose}`, one])).values()];
};

const registryEgress = ({ config, outbound, others }: RegistryHosts): ReadonlyArray<Egress> => {
  const key = `registries.${config.name}`;
  const { proxy, endpoint } = config.network;
  const proxyUrl = proxy === undefined ? undefined : new URL(Redacted.value(proxy));
  const via = proxyUrl === undefined ? undefined : `${proxyUrl.hostname}:${portOf(proxyUrl)}`;
  const through = via === undefined ? {} : { via };
  const configured = (url: URL, below: string, purpose: string): Egress => ({
    ...hostOf(url),
    purpose,
    key: `${key}.${below}`,
    known: "configured",
  });
  const seen = others.map(
    ({ origin, purpose }): Egress => ({
      ...hostOf(new URL(origin)),
      purpose: purpose === "token" ? "tokens" : purpose,
      key,
      known: "seen",
      ...through,
    }),
  );
  return [
    ...(proxyUrl === undefined ? [] : [configured(proxyUrl, "proxy", "proxy")]),
    endpoint !== undefined && proxyUrl === undefined
      ? configured(endpoint, "endpoint", "registry")
      : { ...configured(config.url, "url", "registry"), ...through },
    ...outbound.map((one): Egress => ({ ...one, key, known: "configured", ...through })),
    ...seen,
  ];
};

const databaseEgress = ({ database }: Pick<Config, "database">): ReadonlyArray<Egress> => {
  if (database._tag === "Embedded") return [];
  const url = URL.parse(Redacted.value(database.url));
  // Without a host in the address, or with several, the driver decides; then the address itself is not for telling.
  if (url === null || url.hostname === "") return [];
  return [
    {
      host: decodeURIComponent(url.hostname),
      port: Number(url.port || POSTGRESQL_PORT),
      purpose: "database",
      key: "database",
      known: "configured",
    },
  ];
};

/** The tokens for it come from Google's own hosts, as those of Artifact Registry do. */
const busEgress = ({ bus }: Pick<Config, "bus">): ReadonlyArray<Egress> => {
  if (bus._tag === "Database") return [];
  const [host = "", port = "443"] = (bus.endpoint ?? "pubsub.googleapis.com").split(":");
  return [
    { host, port: Number(port), purpose: "bus", key: "bus.pubsub", known: "configured" },
    { host: "oauth2.googleapis.com", port: 443, purpose: "tokens", key: "bus.pubsub", known: "configured" },
  ];
};

const POSTGRESQL_PORT = 5432;
const hostOf = (url: URL): Pick<Egress, "host" | "port"> => ({ host: url.hostname, port: portOf(url) });
const portOf = ({ port, protocol }: URL): number => (port === "" ? (protocol === "https:" ? 443 : 80) : Number(port));

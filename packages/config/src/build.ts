import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Route, TagSelection } from "@drayage/domain";
import type { SignatureRule } from "@drayage/oci-core/model";
import * as Redacted from "effect/Redacted";
import type { Config } from "./model.ts";
import { buildRegistry } from "./registry/registry.ts";
import type { WireHead, WireRoute } from "./wire.ts";

/** The name of a route that was given none: `lab-to-prod`, `lab-to-eu-us`. */
export const defaultRouteName = (route: {
  readonly from: string;
  readonly to: ReadonlyArray<{ readonly registry: string }>;
}): string => `${route.from}-to-${[...new Set(route.to.map((target) => target.registry))].join("-")}`;

/** A route as the domain knows it. */
export const buildRoute = (wire: WireRoute, directory: string): Route => ({
  name: wire.name ?? defaultRouteName(wire),
  from: wire.from,
  select: { repositories: wire.select.repositories, tags: tagSelection(wire.select.tags) },
  to: wire.to,
  platforms: platformChoice(wire.platforms),
  foreignLayers: wire.foreignLayers,
  referrers: wire.referrers,
  require: wire.require === undefined ? undefined : { signature: signatureRule(wire.require.signature, directory) },
  overwrite: typeof wire.overwrite === "object" ? wire.overwrite : wire.overwrite ? "always" : "never",
  existing: wire.existing,
  deletes: wire.deletes === "ignore" ? { mode: "ignore" } : wire.deletes,
  priority: wire.priority,
});
const platformChoice = (platforms: WireRoute["platforms"]): Route["platforms"] => {
  if (platforms === "all") return undefined;
  return "only" in platforms ? platforms : { only: platforms, index: "keep" };
};
const signatureRule = (
  { publicKey, keyless }: NonNullable<WireRoute["require"]>["signature"],
  directory: string,
): SignatureRule => {
  if (keyless === undefined)
    return { _tag: "PublicKey", files: [publicKey ?? []].flat().map((file) => resolve(directory, file)) };
  const { issuer, identity, identityPattern, trustRoot } = keyless;
  return {
    _tag: "Keyless",
    issuer,
    identity:
      identity === undefined
        ? { _tag: "Matching", pattern: identityPattern ?? "" }
        : { _tag: "Exactly", text: identity },
    trustRoot:
      typeof trustRoot === "string"
        ? { _tag: "File", file: resolve(directory, trustRoot) }
        : {
            _tag: "Tuf",
            mirror: trustRoot.mirror?.href,
            root: trustRoot.root === undefined ? undefined : resolve(directory, trustRoot.root),
          },
  };
};
const tagSelection = (tags: WireRoute["select"]["tags"]): TagSelection => {
  if ("semver" in tags) return { _tag: "Semver", range: tags.semver };
  if ("regex" in tags) return { _tag: "Regex", pattern: tags.regex };
  return { _tag: "Globs", globs: tags };
};

/** The configuration as every app sees it. `directory`: where relative paths start from. */
export const buildConfig = (head: WireHead, routes: ReadonlyArray<Route>, directory: string): Config => {
  const config: Omit<Config, "revision"> = {
    instance: head.instance,
    database:
      head.database === "embedded"
        ? { _tag: "Embedded" }
        : { _tag: "Server", url: Redacted.make(head.database, { label: "database" }) },
    dataDir: resolve(directory, head.dataDir),
    bus: head.bus === "database" ? { _tag: "Database" } : { _tag: "PubSub", ...head.bus.pubsub },
    http: head.http,
    registries: Object.fromEntries(
      Object.entries(head.registries).map(([name, wire]) => [name, buildRegistry(wire, { name, directory })]),
    ),
    routes,
    guard: { perRepository: head.guard.perRepository, perTarget: head.guard.perTarget },
    reconcile: { changed: head.reconcile.changed.cron, full: head.reconcile.full.cron },
    retention: { raw: head.retention.raw, events: head.retention.events },
    admin: head.admin,
  };
  return { ...config, revision: revisionOf(config) };
};

/** 48 bits: enough to tell the revisions of one installation apart, short enough to read out. */
const REVISION_LENGTH = 12;

/**
 * The same for every process that would decide the same: secrets do not count (they rotate), nor does what is of one machine only
 * (data directory, ports).
 */
const revisionOf = (config: Omit<Config, "revision">): string => {
  const { dataDir: _dataDir, http: _http, ...rest } = config;
  return createHash("sha256").update(canonical(rest)).digest("hex").slice(0, REVISION_LENGTH);
};
/** JSON with sorted keys; secrets are a fixed word. */
const canonical = (value: unknown): string => {
  if (Redacted.isRedacted(value)) return '"<secret>"';
  if (value instanceof URL) return JSON.stringify(value.href);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join(",")}}`;
};

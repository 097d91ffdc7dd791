import type { Examine, Finding, RegistryError, RegistryUse } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ArtifactoryOptions } from "./adapter.ts";
import type { Keys } from "./keys.ts";
import type { Search } from "./search.ts";
import { CACHE_SUFFIX, type Sources } from "./sources.ts";
import type { RepositoryKey } from "./wire.ts";

/** What is looked at. */
export interface Examined {
  readonly keys: Keys;
  readonly search: Search;
  readonly sources: Sources;
  readonly options: ArtifactoryOptions;
}

/**
 * What only the REST API can tell: whether the keys of the routes are there, are of the kind that the configuration says, and can be written; whether we may
 * search; and whether anything tells us of changes. Changes nothing.
 */
export const examineBy =
  (examined: Examined): Examine =>
  (use) =>
    Effect.gen(function* () {
      const listed = yield* Effect.result(examined.keys.all);
      const told = use.isSource ? toldFindings(examined.options) : [];
      if (listed._tag === "Failure") return [apiFinding(listed.failure), ...told];
      const types = new Map(listed.success.map((one) => [one.key, one]));
      const searching = use.isSource ? yield* searchFindings(examined.search, listed.success) : [];
      return [
        ...keysOf(use.reads).flatMap((key) => readFindings(examined.sources, types, key)),
        ...keysOf(use.writes).flatMap((key) => writeFindings(types, key)),
        ...searching,
        ...told,
      ];
    });

const keysOf = (names: RegistryUse["reads"]): ReadonlyArray<string> => [
  ...new Set(names.map((name) => name.split("/")[0] ?? "")),
];

type Types = ReadonlyMap<string, RepositoryKey>;

const missing = (types: Types, key: string): ReadonlyArray<Finding> => {
  // A key that we may not see is not listed, and a cache is not listed as a key of its own.
  const known = [...types.keys()].slice(0, 10).join(", ");
  return [
    finding(
      "warning",
      "",
      `there is no repository key ${key}, or we may not see it; we see ${known === "" ? "none" : known}`,
      "Correct the names of the route, or grant the account read on it",
    ),
  ];
};

const readFindings = (sources: Sources, types: Types, key: string): ReadonlyArray<Finding> => {
  if (key.endsWith(CACHE_SUFFIX) && types.get(key.slice(0, -CACHE_SUFFIX.length))?.type === "remote")
    return [
      finding(
        "warning",
        "repositories",
        `${key} is a cache, whose images go when they are evicted`,
        `Read ${key.slice(0, -CACHE_SUFFIX.length)} and declare it as remote`,
      ),
    ];
  const type = types.get(key)?.type;
  if (type === undefined) return missing(types, key);
  const declared = sources.kindOf(key)?._tag.toLowerCase();
  if ((type === "remote" || type === "virtual") && declared === undefined)
    return [
      finding(
        "warning",
        "repositories",
        `${key} is ${type} and not declared: it is not listed, and nothing that happens below it is told by its name`,
        `Add repositories: { ${key}: … }`,
      ),
    ];
  if (declared !== undefined && declared !== type && !(declared === "local" && type === "federated"))
    return [
      finding(
        "error",
        "repositories",
        `${key} is declared as ${declared}, and Artifactory says that it is ${type}`,
        "Correct the declaration",
      ),
    ];
  return [];
};

const writeFindings = (types: Types, key: string): ReadonlyArray<Finding> => {
  const type = types.get(key)?.type;
  if (type === undefined) return missing(types, key);
  if (type === "remote")
    return [finding("error", "", `${key} is a remote repository, which takes no pushes`, "Write to a local one")];
  return [];
};

/** One row is asked for. Without the search everything works, with one request for each tag. */
const searchFindings = (search: Search, keys: ReadonlyArray<RepositoryKey>): Effect.Effect<ReadonlyArray<Finding>> => {
  const stored = keys.find(({ type }) => type === "local" || type === "federated");
  if (stored === undefined) return Effect.succeed([]);
  return Stream.runHead(search.pages({ _tag: "Key", key: stored.key }, { untilShort: true })).pipe(
    Effect.as([]),
    Effect.catch((error) =>
      Effect.succeed([
        finding(
          "warning",
          "auth",
          `searching (AQL) is not possible, so tags are asked for one by one (${error.detail})`,
          "Use an account that may search: any that is not anonymous, with a token whose scope has it",
        ),
      ]),
    ),
  );
};

const toldFindings = ({ secrets, pollEveryMs }: ArtifactoryOptions): ReadonlyArray<Finding> =>
  secrets.secrets.length === 0 && pollEveryMs === undefined
    ? [
        finding(
          "warning",
          "notifications",
          "nothing tells us of changes: no secret for a webhook, and no polling",
          "Set `notifications.secret` and run `dray artifactory webhook apply`, or `poll: { every: 60s }`",
        ),
      ]
    : [];

const apiFinding = (error: RegistryError): Finding => {
  switch (error.reason) {
    case "unauthorized":
      return finding(
        "error",
        "auth",
        `the REST API refuses the credentials (${error.detail})`,
        "Renew the token or password",
      );
    case "denied":
      return finding(
        "warning",
        "auth",
        `the REST API may not be asked for its repositories (${error.detail})`,
        "Grant the account read, or use one that is not anonymous",
      );
    case "not-found":
    case "invalid-response":
      return finding(
        "error",
        "api",
        `no REST API of Artifactory is there (${error.detail})`,
        "Write its base as `api`, e.g. https://art.example.com/artifactory",
      );
    default:
      return finding(
        "unknown",
        "api",
        `the REST API could not be asked (${error.detail})`,
        "Look at name server, proxy and firewall (dray doctor --egress), or correct `api`",
      );
  }
};

const finding = (severity: Finding["severity"], key: string, what: string, mend: string): Finding => ({
  severity,
  key,
  what,
  mend,
});

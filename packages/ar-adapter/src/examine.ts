import type { Examine, Finding, RegistryError, RegistryUse } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type { ArtifactRegistryOptions } from "./adapter.ts";
import type { ArtifactRegistryApi } from "./api.ts";
import { gcrLocation, holderOf } from "./locate.ts";
import { examineSubscription } from "./subscription.ts";
import type { RepositoryDocument } from "./wire.ts";

/** Rights that routes need, and the smallest role that has each. Source: facts/artifact-registry.md 3.4. */
const READ = "artifactregistry.repositories.downloadArtifacts";
const WRITE = "artifactregistry.repositories.uploadArtifacts";
const DELETE = "artifactregistry.repositories.deleteArtifacts";
const ROLES: Readonly<Record<string, string>> = {
  [READ]: "roles/artifactregistry.reader",
  [WRITE]: "roles/artifactregistry.writer",
  [DELETE]: "roles/artifactregistry.repoAdmin",
};

interface Wanted {
  readonly repository: string;
  readonly reads: boolean;
  readonly writes: boolean;
}

/**
 * What only the API of Google can tell: whether the repositories of the routes are there, are of the right kind, and what we may do in them; and
 * whether the subscription is there. Changes nothing.
 */
export const examineArtifactRegistry =
  (name: string, api: ArtifactRegistryApi, options: ArtifactRegistryOptions): Examine =>
  (use) =>
    Effect.gen(function* () {
      const repositories = yield* Effect.forEach(wantedOf(options, use), (wanted) => lookAt(api, options, wanted));
      const { notifications, identity } = options;
      const told = use.isSource
        ? notifications._tag === "Subscription"
          ? yield* examineSubscription({ registry: name, subscription: notifications.subscription, identity })
          : notifications._tag === "None"
            ? [untold]
            : []
        : [];
      return [...elsewhere(options), ...repositories.flat(), ...told];
    });

/** A host of Container Registry is in one location; with another, every notification would be of another region. */
const elsewhere = ({ host, location }: ArtifactRegistryOptions): ReadonlyArray<Finding> => {
  const own = gcrLocation(host);
  return own === undefined || own === location
    ? []
    : [finding("location", `${host} is in ${own}, and not in ${location}`, `Write \`location: ${own}\``)];
};

/** The repositories of Artifact Registry that hold the names of the routes, each once. */
const wantedOf = (options: ArtifactRegistryOptions, { reads, writes }: RegistryUse): ReadonlyArray<Wanted> => {
  const holders = (names: RegistryUse["reads"]): ReadonlySet<string> =>
    new Set(names.flatMap((name) => holderOf(options, name)?.repository ?? []));
  const [read, written] = [holders(reads), holders(writes)];
  return [...new Set([...read, ...written])].map((repository) => ({
    repository,
    reads: read.has(repository),
    writes: written.has(repository),
  }));
};

const lookAt = (
  api: ArtifactRegistryApi,
  options: ArtifactRegistryOptions,
  wanted: Wanted,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.matchEffect(api.describe(wanted.repository), {
    onFailure: (error) => Effect.succeed(missingFindings(error, options, wanted)),
    onSuccess: (document) =>
      Effect.map(
        // Of a kind that cannot be used the rights do not matter.
        isUsable(document, wanted) ? rightsFindings(api, wanted) : Effect.succeed([]),
        (rights) => [...kindFindings(document, wanted), ...rights],
      ),
  });

const missingFindings = (
  error: RegistryError,
  { createRepositories, location, project }: ArtifactRegistryOptions,
  { repository, writes }: Wanted,
): ReadonlyArray<Finding> => {
  switch (error.reason) {
    case "not-found":
      if (writes && createRepositories !== undefined) return [];
      return [
        finding(
          writes ? "createRepositories" : "",
          `there is no repository ${repository} in ${project}, ${location}${writes ? ", and none is made" : ""}`,
          writes
            ? "Create it, or add `createRepositories: {}`"
            : "Correct `project`, `location` or the names of the route",
        ),
      ];
    case "denied":
      return [
        finding(
          "auth",
          `the API may not be asked about ${repository}, so images are listed one by one, up to 10000 tags each, and no repository is made (${error.detail})`,
          "Enable artifactregistry.googleapis.com in the project, and grant roles/artifactregistry.reader",
          "warning",
        ),
      ];
    case "unauthorized":
      return [
        finding(
          "auth",
          `Google refuses the credentials (${error.detail})`,
          "Renew the token or key, or log in again (gcloud auth application-default login)",
        ),
      ];
    case "network":
    case "stalled":
      return [
        finding(
          "api",
          `the API cannot be reached (${error.detail})`,
          "Look at name server, proxy and firewall (dray doctor --egress), or correct `api`",
        ),
      ];
    default:
      return [finding("api", `the API told nothing of ${repository} (${error.detail})`, "Try again later", "unknown")];
  }
};

const isUsable = ({ format, mode }: RepositoryDocument, { writes }: Wanted): boolean =>
  (format === undefined || format === "DOCKER") && !(writes && isShown(mode));

/** What others hold: pulls work, pushes do not. */
const isShown = (mode: string | undefined): boolean => mode === "REMOTE_REPOSITORY" || mode === "VIRTUAL_REPOSITORY";

const kindFindings = (document: RepositoryDocument, wanted: Wanted): ReadonlyArray<Finding> => {
  const { format, mode, dockerConfig, cleanupPolicies = {}, cleanupPolicyDryRun } = document;
  const { repository, reads, writes } = wanted;
  const found: Array<Finding> = [];
  if (format !== undefined && format !== "DOCKER")
    return [finding("", `${repository} is of the format ${format}`, "Use a repository of the format DOCKER")];
  if (writes && isShown(mode))
    return [finding("", `nothing can be pushed into ${repository}: it is ${mode}`, "Push into a STANDARD_REPOSITORY")];
  if (writes && dockerConfig?.immutableTags === true)
    found.push({
      severity: "note",
      key: "",
      what: `tags of ${repository} can never be moved or deleted: what moves or is deleted at the source is parked`,
    });
  if (Object.keys(cleanupPolicies).length > 0 && cleanupPolicyDryRun !== true) {
    if (reads)
      found.push(
        finding(
          "",
          `${repository} has cleanup policies: what they delete looks like any other deletion`,
          "Mirror deletions only where that is meant (`deletes`)",
          "warning",
        ),
      );
    if (writes)
      found.push(
        finding(
          "",
          `${repository} has cleanup policies: what they delete is copied again by the next reconciliation`,
          "Let the policies keep what the routes select",
          "warning",
        ),
      );
  }
  return found;
};

const rightsFindings = (
  api: ArtifactRegistryApi,
  { repository, writes }: Wanted,
): Effect.Effect<ReadonlyArray<Finding>> => {
  const wanted = writes ? [READ, WRITE, DELETE] : [READ];
  return Effect.match(api.rights(repository, wanted), {
    // That rights cannot be asked for says nothing of them; pull and push are tried besides.
    onFailure: () => [],
    onSuccess: (held) =>
      wanted
        .filter((right) => !held.includes(right))
        .map(
          (right): Finding =>
            right === DELETE
              ? {
                  severity: "note",
                  key: "auth",
                  what: `nothing may be deleted in ${repository}: mirroring deletions needs ${ROLES[right]}`,
                }
              : finding("auth", `the right ${right} in ${repository} is missing`, `Grant ${ROLES[right]} on it`),
        ),
  });
};

const untold: Finding = {
  severity: "note",
  key: "notifications",
  what: "Pub/Sub tells nothing, so only `reconcile` sees changes",
};

const finding = (key: string, what: string, mend: string, severity: Finding["severity"] = "error"): Finding => ({
  severity,
  key,
  what,
  mend,
});

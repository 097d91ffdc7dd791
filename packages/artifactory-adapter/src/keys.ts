import type { Api, RegistryError } from "@drayage/oci-core";
import { parseRepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { type RepositoryKey, readRepositories, readRepositoryConfig } from "./wire.ts";

/** Everything that holds OCI content, in the API's words. */
const PACKAGE_TYPES: ReadonlySet<string> = new Set(["docker", "oci", "helmoci"]);
/** Repositories are made and removed by people; a listing asks for them once, and a reconciliation lists often. */
const KEPT_FOR = "1 minute";
/** One unpaged answer, some 300 bytes for each repository: two hundred thousand of them. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** The repository keys of an instance, as far as we may see them. Source: facts/artifactory.md 3.2. */
export interface Keys {
  /** Those that hold images and whose name can stand in a reference; asked for at most once a minute. */
  readonly all: Effect.Effect<ReadonlyArray<RepositoryKey>, RegistryError>;
  /** Members of a virtual key, in the order in which they are asked. Needs more rights than reading: `denied` is common. */
  readonly members: (key: string) => Effect.Effect<ReadonlyArray<string>, RegistryError>;
  /** `docker`, `oci` or `helmoci`. `docker` where we are not told: what the direct address is in all documentation. */
  readonly packageTypeOf: (key: string) => Effect.Effect<string, RegistryError>;
}

export const openKeys = (api: Api): Effect.Effect<Keys> =>
  Effect.map(Effect.cachedWithTTL(askForKeys(api), KEPT_FOR), (all) => ({
    all,
    members: (key) =>
      api.call({
        operation: "GET repository configuration",
        reference: key,
        method: "GET",
        path: `api/repositories/${encodeURIComponent(key)}`,
        read: readRepositoryConfig,
      }),
    packageTypeOf: (key) =>
      all.pipe(
        Effect.map((keys) => keys.find((one) => one.key === key)?.packageType ?? "docker"),
        Effect.catchIf(
          (error) => error.reason === "denied" || error.reason === "not-found",
          () => Effect.succeed("docker"),
        ),
      ),
  }));

const askForKeys = (api: Api) =>
  api.call({
    operation: "GET repositories",
    reference: "api/repositories",
    method: "GET",
    path: "api/repositories",
    bytesMax: ANSWER_BYTES_MAX,
    read: (document) =>
      readRepositories(document)?.filter(
        ({ key, packageType }) => PACKAGE_TYPES.has(packageType) && parseRepositoryName(key) !== undefined,
      ),
  });

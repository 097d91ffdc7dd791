import { connectRegistry, type RegistryError, type RegistrySettings } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { joinName } from "./access.ts";
import type { Keys } from "./keys.ts";
import type { Search } from "./search.ts";
import type { Sources } from "./sources.ts";
import { storedManifest } from "./stored.ts";
import type { RepositoryKey } from "./wire.ts";

/**
 * What is stored here. A virtual key shows the same images under a second name, which would make each of them a conflict of its own; a
 * remote key shows what its upstream has. Both are listed where the configuration declares them.
 */
const TYPES: ReadonlySet<string> = new Set(["local", "federated"]);

export interface CatalogSettings {
  readonly settings: RegistrySettings;
  /** Base of the REST API. */
  readonly api: URL;
  readonly keys: Keys;
  readonly search: Search;
  readonly sources: Sources;
}

/**
 * All repositories below all keys, one page at a time. `/v2/_catalog` of the platform host has no repository (facts/artifactory.md 2.5): the
 * keys come from the REST API, and each key's images from its catalogue in the direct API, whose names lack the key. A key whose catalogue is refused, and
 * a cache, whose catalogue is that of its upstream, is searched.
 */
export const repositoriesOf = (catalog: CatalogSettings): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  Stream.unwrap(
    Effect.map(catalog.keys.all, (keys) =>
      Stream.fromIterable(keys.filter(({ key, type }) => TYPES.has(type) || catalog.sources.declares(key))).pipe(
        Stream.flatMap((key) => imagesOf(catalog, key)),
      ),
    ),
  );

const imagesOf = (
  catalog: CatalogSettings,
  repository: RepositoryKey,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  repository.type === "remote"
    ? searched(catalog, repository.key)
    : catalogued(catalog, repository).pipe(
        Stream.catchIf(
          (error) => error.reason === "unsupported" || error.reason === "denied",
          (refusal) =>
            // What the search says is of less use to whoever mends it than that there is no catalogue.
            searched(catalog, repository.key).pipe(Stream.catchIf(isNoSearch, () => Stream.fail(refusal))),
        ),
      );

const isNoSearch = ({ reason }: RegistryError): boolean =>
  reason === "denied" || reason === "unsupported" || reason === "not-found" || reason === "unauthorized";

const catalogued = (
  { settings, api }: CatalogSettings,
  { key, packageType }: RepositoryKey,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  Stream.unwrap(
    Effect.map(
      connectRegistry({ ...settings, url: new URL(`${api.href.replace(/\/+$/, "")}/api/${packageType}/${key}`) }),
      (registry) => registry.repositories(),
    ),
  ).pipe(Stream.map((page) => page.map((name) => joinName(key, name)).filter((name) => name !== undefined)));

/** Images of a key by their manifests, each told once. Rows of members and caches are told under the key that was asked. */
const searched = (
  { search }: CatalogSettings,
  key: string,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  Stream.suspend(() => {
    const told = new Set<string>();
    return search.pages({ _tag: "Key", key }, { untilShort: false }).pipe(
      Stream.map(({ rows }) =>
        rows.flatMap((row) => {
          const stored = storedManifest(row);
          const name = stored?.tag === undefined ? undefined : joinName(key, stored.image);
          if (name === undefined || told.has(name)) return [];
          told.add(name);
          return [name];
        }),
      ),
      Stream.filter((page) => page.length > 0),
    );
  });

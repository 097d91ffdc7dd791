import { connectRegistry, makeLimits, type Registry, RegistryError, type RegistrySettings } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { type Access, addressOf, splitName } from "./access.ts";

export interface KeyedSettings {
  readonly settings: RegistrySettings & { readonly traits: Registry["traits"] };
  readonly access: Exclude<Access, "repository-path">;
  /** Base of the REST API. */
  readonly api: URL;
  /** Package type of a key, for the path of the direct form. */
  readonly packageTypeOf: (key: string) => Effect.Effect<string, RegistryError>;
}

/** A key's own client, and the name of the image there. */
interface Placed {
  readonly registry: Registry;
  readonly image: RepositoryName;
}

/**
 * One registry over many addresses, one for each key: every name is taken apart, and asked for at the address of its key. All of them keep to
 * the same limits. A key that has no address is refused before anything is sent.
 */
export const connectKeyed = (keyed: KeyedSettings): Effect.Effect<Registry, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { settings } = keyed;
    const scope = yield* Effect.scope;
    const limits = makeLimits(settings.traits);
    // Never asked for anything: lends name and traits.
    const plain = yield* connectRegistry({ ...settings, limits });
    const clients = new Map<string, Registry>();

    const refused = (repository: string, detail: string) =>
      new RegistryError({
        registry: settings.name,
        operation: "address",
        reference: repository,
        reason: "invalid-request",
        detail,
      });

    const clientOf = (repository: string, key: string): Effect.Effect<Registry, RegistryError> =>
      Effect.gen(function* () {
        const known = clients.get(key);
        if (known !== undefined) return known;
        const packageType = keyed.access === "direct" ? yield* keyed.packageTypeOf(key) : "docker";
        const address = addressOf(settings.url, keyed.api, keyed.access, key, packageType);
        if (address._tag === "Nowhere") return yield* refused(repository, address.why);
        const network = networkAt(settings.network, keyed.access, address.url);
        const opened = yield* Scope.provide(connectRegistry({ ...settings, url: address.url, network, limits }), scope);
        // Another fiber may have been faster; its client has the connections, ours has none.
        const client = clients.get(key) ?? opened;
        clients.set(key, client);
        return client;
      });

    const placed = (repository: RepositoryName): Effect.Effect<Placed, RegistryError> => {
      const name = splitName(repository);
      if (name === undefined)
        return Effect.fail(refused(repository, "names of Artifactory are <repository key>/<image>"));
      return Effect.map(clientOf(repository, name.key), (registry) => ({ registry, image: name.image }));
    };
    const at = <A>(
      repository: RepositoryName,
      use: (placed: Placed) => Effect.Effect<A, RegistryError>,
    ): Effect.Effect<A, RegistryError> => Effect.flatMap(placed(repository), use);

    return {
      ...plain,
      resolve: (repository, reference, known) =>
        at(repository, ({ registry, image }) => registry.resolve(image, reference, known)),
      manifest: (repository, reference) => at(repository, ({ registry, image }) => registry.manifest(image, reference)),
      putManifest: (repository, reference, manifest) =>
        at(repository, ({ registry, image }) => registry.putManifest(image, reference, manifest)),
      hasBlob: (repository, digest) => at(repository, ({ registry, image }) => registry.hasBlob(image, digest)),
      blob: (repository, descriptor, from) =>
        at(repository, ({ registry, image }) => registry.blob(image, descriptor, from)),
      startUpload: (repository, mount) =>
        at(repository, ({ registry, image }) => registry.startUpload(image, mountWithin(repository, mount))),
      upload: (repository, location, descriptor, body) =>
        at(repository, ({ registry, image }) => registry.upload(image, location, descriptor, body)),
      cancelUpload: (repository, location) =>
        placed(repository).pipe(
          Effect.flatMap(({ registry, image }) => registry.cancelUpload(image, location)),
          Effect.ignore,
        ),
      tags: (repository) =>
        Stream.unwrap(Effect.map(placed(repository), ({ registry, image }) => registry.tags(image))),
      referrers: (repository, digest) => at(repository, ({ registry, image }) => registry.referrers(image, digest)),
      deleteManifest: (repository, reference) =>
        at(repository, ({ registry, image }) => registry.deleteManifest(image, reference)),
    };
  });

type Mount = Parameters<Registry["startUpload"]>[1];

/** Another key is another registry in these forms: nothing can be mounted from it. */
const mountWithin = (repository: RepositoryName, mount: Mount): Mount => {
  if (mount === undefined) return undefined;
  const [to, from] = [splitName(repository), splitName(mount.from)];
  return from !== undefined && from.key === to?.key ? { digest: mount.digest, from: from.image } : undefined;
};

/** `endpoint` replaces host and port of a connection; in the form by ports the port is what tells the keys apart, and stays. */
const networkAt = (
  network: RegistrySettings["network"],
  access: KeyedSettings["access"],
  url: URL,
): RegistrySettings["network"] => {
  if (network?.endpoint === undefined || typeof access === "string") return network;
  const endpoint = new URL(network.endpoint.href);
  endpoint.port = url.port;
  return { ...network, endpoint };
};

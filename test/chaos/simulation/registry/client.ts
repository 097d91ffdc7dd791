import { Readable } from "node:stream";
import {
  type BlobBody,
  type Digest,
  isDigest,
  type Manifest,
  parseManifest,
  type Registry,
  RegistryError,
  type RegistryTraits,
  type RepositoryName,
  STANDARD_TRAITS,
  type Tag,
  type UploadStart,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Stream from "effect/Stream";
import type { Process } from "../core/process.ts";
import { remote } from "../core/remote.ts";
import { descriptorOf } from "./images.ts";
import type { Store } from "./store.ts";
import { type Asked, errorOf, journeyTo, type Weather } from "./weather.ts";

/** A registry of a schedule. */
export interface SimulatedRegistry {
  readonly store: Store;
  readonly weather: Weather;
  /** Refuses a manifest whose content is not there. Not every registry does. */
  readonly strict: boolean;
  readonly mounts: boolean;
  readonly traits: Partial<RegistryTraits>;
  /** Whether DELETE by tag works. */
  readonly deletesTags: boolean;
}

/** Told of what the checkers have to know. Of writes when they are sent, of reads when they are answered. */
export interface Watch {
  readonly sendsTag: (process: Process, registry: string, repository: RepositoryName, tag: Tag, digest: Digest) => void;
  readonly sendsDelete: (process: Process, registry: string, repository: RepositoryName, what: Tag | Digest) => void;
  readonly saidUnknown: (process: Process, registry: string, repository: RepositoryName, tag: Tag) => void;
  readonly saidKnown: (process: Process, registry: string, repository: RepositoryName, tag: Tag) => void;
}

/** The registry as one process sees it: the whole `Registry` of oci-core, over what the weather lets through. */
export const clientOf = (process: Process, registry: SimulatedRegistry, watch: Watch): Registry => {
  const { store, weather } = registry;
  const { name } = store;
  const { world } = process;
  const traits: RegistryTraits = { ...STANDARD_TRAITS, referrers: "api", ...registry.traits };

  const ask = <A>(
    operation: string,
    repository: string,
    reference: string,
    act: (asked: Asked) => A,
  ): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => {
      const asked: Asked = { registry: name, operation, reference: `${repository} ${reference}` };
      const journey = journeyTo(asked, weather.road, world.chance);
      world.trace(() => `${process.name} -> ${operation} ${name}/${repository} ${short(reference)}`);
      return remote(process, journey, () => {
        const exit = attempt(() => act(asked));
        world.trace(
          () =>
            `${process.name} <- ${operation} ${name}/${repository} ${short(reference)}: ${Exit.isSuccess(exit) ? "ok" : "refused"}`,
        );
        return exit;
      });
    });
  const unknown = (asked: Asked) => errorOf(asked, "not-found", { status: 404, code: "MANIFEST_UNKNOWN" });
  const isHidden = (repository: RepositoryName): boolean =>
    weather.lie._tag === "Hidden" && weather.lie.repository === repository;
  const isForgotten = (repository: RepositoryName): boolean =>
    weather.lie._tag === "Forgetful" && weather.lie.repository === repository;
  const open = (asked: Asked, repository: RepositoryName): void => {
    const isThere = store.repositories.has(repository) && !isHidden(repository);
    if (!isThere) throw errorOf(asked, "repository-unknown", { status: 404, code: "NAME_UNKNOWN" });
  };
  const mayWrite = (asked: Asked, repository: RepositoryName): void => {
    if (isHidden(repository)) throw errorOf(asked, "denied", { status: 403, code: "DENIED" });
  };
  const moment = (): number => (weather.lag === 0 ? world.now : world.now - world.chance.between(0, weather.lag));
  /** What is under a name, as the registry says. */
  const find = (repository: RepositoryName, reference: Tag | Digest): Manifest | undefined => {
    if (isDigest(reference)) return store.manifest(repository, reference);
    if (isForgotten(repository)) return undefined;
    const digest = store.tag(repository, reference, moment());
    return digest === undefined ? undefined : store.manifest(repository, digest);
  };

  const putManifest: Registry["putManifest"] = (repository, reference, given) =>
    Effect.suspend(() => {
      if (!isDigest(reference)) watch.sendsTag(process, name, repository, reference, given.digest);
      return ask("PUT manifest", repository, reference, (asked) => {
        mayWrite(asked, repository);
        const manifest = parseManifest(given.bytes, given.mediaType);
        if (manifest._tag === "Refused") throw errorOf(asked, "invalid-request");
        const missing = registry.strict ? store.missingOf(repository, manifest) : [];
        if (missing.length > 0) throw errorOf(asked, "content-missing", { missing });
        store.putManifest(repository, manifest);
        if (!isDigest(reference)) store.setTag(repository, reference, manifest.digest, process.name);
        return { subjectAccepted: manifest.subject !== undefined };
      });
    });
  const deleteManifest: Registry["deleteManifest"] = (repository, reference) =>
    Effect.suspend(() => {
      watch.sendsDelete(process, name, repository, reference);
      return ask("DELETE manifest", repository, reference, (asked) => {
        mayWrite(asked, repository);
        if (isDigest(reference)) return store.deleteDigest(repository, reference, process.name);
        if (!registry.deletesTags) throw errorOf(asked, "unsupported", { status: 405, code: "UNSUPPORTED" });
        if (store.tag(repository, reference) === undefined) return false;
        store.setTag(repository, reference, undefined, process.name);
        return true;
      });
    });

  return {
    name,
    url: new URL(`http://${name}.test`),
    traits,
    powers: {},
    resolve: (repository, reference) =>
      ask("HEAD manifest", repository, reference, () => {
        const found = isHidden(repository) ? undefined : find(repository, reference);
        return found && { digest: found.digest, mediaType: found.mediaType, size: found.bytes.byteLength };
      }),
    manifest: (repository, reference) =>
      ask("GET manifest", repository, reference, (asked) => {
        open(asked, repository);
        const found = find(repository, reference);
        if (!isDigest(reference)) {
          if (found === undefined) watch.saidUnknown(process, name, repository, reference);
          else watch.saidKnown(process, name, repository, reference);
        }
        if (found === undefined) throw unknown(asked);
        return found;
      }),
    putManifest,
    deleteManifest,
    hasBlob: (repository, digest) =>
      ask("HEAD blob", repository, digest, () => store.repositories.get(repository)?.blobs.has(digest) === true),
    blob: (repository, descriptor, from = 0) =>
      Effect.map(
        ask("GET blob", repository, descriptor.digest, (asked) => {
          open(asked, repository);
          const bytes = store.repositories.get(repository)?.blobs.get(descriptor.digest);
          if (bytes === undefined) throw errorOf(asked, "not-found", { status: 404, code: "BLOB_UNKNOWN" });
          return bytes.subarray(from);
        }),
        (bytes): BlobBody => {
          const stream = Readable.from([bytes], { objectMode: false });
          world.streams(stream);
          return { size: bytes.byteLength, stream };
        },
      ),
    startUpload: (repository, mount) =>
      ask("POST upload", repository, mount?.from ?? "", (asked): UploadStart => {
        mayWrite(asked, repository);
        const bytes = mount && store.repositories.get(mount.from)?.blobs.get(mount.digest);
        if (mount === undefined || bytes === undefined || !registry.mounts)
          return { _tag: "Opened", location: new URL(`http://${name}.test/upload`) };
        store.putBlob(repository, mount.digest, bytes);
        return { _tag: "Mounted" };
      }),
    upload: (repository, _location, descriptor, body) => {
      // The layers of a schedule are far below the size from which they are streamed.
      if (body instanceof Readable) return Effect.die(new Error("a small blob was streamed"));
      return ask("PUT blob", repository, descriptor.digest, (asked) => {
        mayWrite(asked, repository);
        store.putBlob(repository, descriptor.digest, body);
      });
    },
    cancelUpload: () => Effect.void,
    tags: (repository) =>
      Stream.fromEffect(
        ask("GET tags", repository, "", (asked) => {
          open(asked, repository);
          const { lie } = weather;
          if (lie._tag === "Forgetful" && lie.repository === repository && !lie.lists) return [];
          return store.tags(repository, moment());
        }),
      ),
    repositories: () => Stream.fromEffect(ask("GET catalogue", "", "", () => [...store.repositories.keys()])),
    referrers: (repository, digest) =>
      ask("GET referrers", repository, digest, (asked) => {
        open(asked, repository);
        return store.referrersOf(repository, digest).map(descriptorOf);
      }),
  };
};

const attempt = <A>(act: () => A): Exit.Exit<A, RegistryError> => {
  try {
    return Exit.succeed(act());
  } catch (error) {
    return error instanceof RegistryError ? Exit.fail(error) : Exit.die(error);
  }
};
/** Digests are long and say little. */
export const short = (reference: string): string => reference.replace(/sha256[:-]([0-9a-f]{8})[0-9a-f]{56}/, "@$1");

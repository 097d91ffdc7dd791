import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Api, ApiCall } from "./api.ts";
import { RegistryError } from "./errors.ts";
import type { Registry } from "./registry.ts";

/** Credentials that can be had anew before their time. */
export interface Renewable {
  /** Counts them so far: tells whether a refusal was of the present ones. */
  readonly generation: () => number;
  /**
   * Those of this generation were refused: the next request gets others, where no others came since. `false`: that was tried a moment ago and did
   * not help, so the refusal stands.
   */
  readonly refused: (generation: number, error: RegistryError) => Effect.Effect<boolean>;
}

/**
 * The same registry, which gets new credentials and asks once more where `refuses` says that they were refused. A blob that is being sent cannot be
 * sent again here: its upload is lost, and whoever sends it begins again, with the new ones.
 */
export const reauthenticating = (
  registry: Registry,
  renewable: Renewable,
  refuses: (error: RegistryError) => boolean,
): Registry => {
  const again = againOf(renewable, refuses);
  const { generation, refused } = renewable;
  const pages = <A>(listing: Stream.Stream<A, RegistryError>): Stream.Stream<A, RegistryError> =>
    Stream.suspend(() => {
      const before = generation();
      let begun = false;
      const noting = Stream.tap(listing, () =>
        Effect.sync(() => {
          begun = true;
        }),
      );
      return Stream.catchIf(
        noting,
        (error) => !begun && refuses(error),
        (error) => Stream.unwrap(Effect.map(refused(before, error), (worth) => (worth ? listing : Stream.fail(error)))),
      );
    });
  return {
    ...registry,
    resolve: (repository, reference, known) => again(registry.resolve(repository, reference, known)),
    manifest: (repository, reference) => again(registry.manifest(repository, reference)),
    putManifest: (repository, reference, manifest) => again(registry.putManifest(repository, reference, manifest)),
    hasBlob: (repository, digest) => again(registry.hasBlob(repository, digest)),
    blob: (repository, descriptor, from) => again(registry.blob(repository, descriptor, from)),
    startUpload: (repository, mount) => again(registry.startUpload(repository, mount)),
    upload: (repository, location, descriptor, body) =>
      Effect.suspend(() => {
        const before = generation();
        return Effect.catchIf(registry.upload(repository, location, descriptor, body), refuses, (error) =>
          Effect.flatMap(refused(before, error), (worth) => Effect.fail(worth ? lost(error) : error)),
        );
      }),
    tags: (repository) => pages(registry.tags(repository)),
    repositories: () => pages(registry.repositories()),
    referrers: (repository, digest) => again(registry.referrers(repository, digest)),
    deleteManifest: (repository, reference) => again(registry.deleteManifest(repository, reference)),
  };
};

/** The same for a vendor's API. */
export const reauthenticatingApi = (
  api: Api,
  renewable: Renewable,
  refuses: (error: RegistryError) => boolean,
): Api => {
  const again = againOf(renewable, refuses);
  return { call: <A>(call: ApiCall<A>) => again(api.call(call)) };
};

const againOf =
  ({ generation, refused }: Renewable, refuses: (error: RegistryError) => boolean) =>
  <A>(request: Effect.Effect<A, RegistryError>): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => {
      const before = generation();
      return Effect.catchIf(request, refuses, (error) =>
        Effect.flatMap(refused(before, error), (worth) => (worth ? request : Effect.fail(error))),
      );
    });

const lost = ({ registry, operation, reference, detail, status, code, cause }: RegistryError): RegistryError =>
  new RegistryError({ registry, operation, reference, reason: "upload-lost", detail, status, code, cause });

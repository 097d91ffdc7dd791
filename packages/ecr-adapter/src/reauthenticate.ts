import { type Registry, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { type EcrTokens, TOKEN_CALL } from "./token.ts";

/**
 * The same registry, which gets a new token and asks once more where one was refused before its time: after 401, and after 403 in the words for a
 * token that ran out (which status it has is not documented, facts/ecr.md 4.7), which an answer to HEAD cannot have. A blob that is being sent cannot be sent again here: its upload is
 * lost, and whoever sends it begins again, with the new token.
 */
export const reauthenticating = (
  registry: Registry,
  { generation, refused }: Pick<EcrTokens, "generation" | "refused">,
): Registry => {
  const again = <A>(request: Effect.Effect<A, RegistryError>): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => {
      const before = generation();
      return Effect.catchIf(request, refusesToken, (error) =>
        Effect.flatMap(refused(before, isWordless(error)), (worth) => (worth ? request : Effect.fail(error))),
      );
    });
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
        (error) => !begun && refusesToken(error),
        (error) =>
          Stream.unwrap(
            Effect.map(refused(before, isWordless(error)), (worth) => (worth ? listing : Stream.fail(error))),
          ),
      );
    });
  return {
    ...registry,
    resolve: (repository, reference) => again(registry.resolve(repository, reference)),
    manifest: (repository, reference) => again(registry.manifest(repository, reference)),
    putManifest: (repository, reference, manifest) => again(registry.putManifest(repository, reference, manifest)),
    hasBlob: (repository, digest) => again(registry.hasBlob(repository, digest)),
    blob: (repository, descriptor, from) => again(registry.blob(repository, descriptor, from)),
    startUpload: (repository, mount) => again(registry.startUpload(repository, mount)),
    upload: (repository, location, descriptor, body) =>
      Effect.suspend(() => {
        const before = generation();
        return Effect.catchIf(registry.upload(repository, location, descriptor, body), refusesToken, (error) =>
          Effect.flatMap(refused(before, isWordless(error)), (worth) => Effect.fail(worth ? lost(error) : error)),
        );
      }),
    tags: (repository) => pages(registry.tags(repository)),
    referrers: (repository, digest) => again(registry.referrers(repository, digest)),
  };
};

const refusesToken = (error: RegistryError): boolean =>
  error.operation !== TOKEN_CALL &&
  (error.reason === "unauthorized" ||
    isWordless(error) ||
    (error.reason === "denied" && /authorization token has expired/i.test(error.detail)));

const isWordless = ({ reason, code, operation }: RegistryError): boolean =>
  reason === "denied" && code === undefined && operation.startsWith("HEAD ");

const lost = ({ registry, operation, reference, detail, status, code, cause }: RegistryError): RegistryError =>
  new RegistryError({ registry, operation, reference, reason: "upload-lost", detail, status, code, cause });

import { type DockerConfigOptions, dockerConfigAuth, type RegistryAuth, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";

/**
 * How long what Docker keeps is used before it is asked again. Helpers of clouds give tokens that live for an hour and take a second to
 * answer; after `docker login` nobody should wait for long.
 */
const KEPT_FOR = "1 minute";

/** A registry whose credentials are written in the configuration, or kept by Docker. */
interface Identified {
  readonly name: string;
  readonly url: URL;
  readonly auth: ReadonlyArray<RegistryAuth> | "docker-config";
}

/** Who we are at a registry: as configured, or what Docker keeps for its host, asked again each minute. */
export const authOf = (
  { name, url, auth }: Identified,
  options: DockerConfigOptions = {},
): Effect.Effect<ReadonlyArray<RegistryAuth> | Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>> =>
  auth === "docker-config"
    ? Effect.cachedWithTTL(
        Effect.mapError(
          dockerConfigAuth(url.host, options),
          (cause) =>
            new RegistryError({
              registry: name,
              operation: "read credentials",
              reference: url.host,
              reason: "unauthorized",
              detail: cause.message,
              cause,
            }),
        ),
        KEPT_FOR,
      )
    : Effect.succeed(auth);

import { readFile } from "node:fs/promises";
import type { NetworkConfig } from "@drayage/config";
import { type NetworkSettings, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";

/** The settings of connections with their PEM files read. A file that cannot be read is an error of this registry alone. */
export const networkOf = (
  registry: string,
  { tls, proxy, endpoint }: NetworkConfig,
): Effect.Effect<NetworkSettings, RegistryError> =>
  Effect.gen(function* () {
    if (tls === undefined) return { proxy, endpoint };
    const [ca, clientCert, clientKey] = yield* Effect.all(
      [tls.ca, tls.clientCert, tls.clientKey].map((file) => pemOf(registry, file)),
    );
    return {
      proxy,
      endpoint,
      tls: {
        ca,
        clientCert,
        clientKey: clientKey === undefined ? undefined : Redacted.make(clientKey, { label: `${registry} client key` }),
      },
    };
  });

const pemOf = (registry: string, file: string | undefined): Effect.Effect<string | undefined, RegistryError> =>
  file === undefined
    ? Effect.succeed(undefined)
    : Effect.tryPromise({
        try: () => readFile(file, "utf8"),
        catch: (cause) => unreadable(registry, file, cause),
      });

const unreadable = (registry: string, file: string, cause: unknown): RegistryError =>
  new RegistryError({
    registry,
    operation: "read certificates",
    reference: file,
    reason: "invalid-request",
    detail: `registries.${registry}.tls: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });

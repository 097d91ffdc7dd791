import { type Finding, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Opened } from "./open.ts";

/** What concerns the registry as a whole, whatever was asked. */
const WHOLE: ReadonlySet<RegistryError["reason"]> = new Set([
  "network",
  "stalled",
  "unauthorized",
  "unavailable",
  "unsafe-location",
  "rate-limited",
]);

/**
 * What a refused catalogue means for the registry as a whole: many show none, also to those who may pull. 401 is such a refusal where a token
 * was given before, because who we are is then known.
 */
export const wholeFinding = (opened: Opened, error: RegistryError): Finding | undefined => {
  if (error.status === 401) return opened.gotToken() ? undefined : opened.explain(unknownToIt(error), "list");
  return WHOLE.has(error.reason) ? opened.explain(error, "list") : undefined;
};

/** The client calls every refusal of a catalogue `denied`. */
const unknownToIt = ({ registry, operation, reference, detail, status, code }: RegistryError): RegistryError =>
  new RegistryError({ registry, operation, reference, detail, status, code, reason: "unauthorized" });

/** For registries of which no repository is known: whether they answer and know us. */
export const lookAtConnection = (opened: Opened): Effect.Effect<ReadonlyArray<Finding>> =>
  opened.registry.repositories().pipe(
    Stream.take(1),
    Stream.runDrain,
    Effect.match({
      onSuccess: () => [],
      onFailure: (error) => {
        const finding = wholeFinding(opened, error);
        return finding === undefined ? [] : [finding];
      },
    }),
  );

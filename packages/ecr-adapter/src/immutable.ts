import type { Registry } from "@drayage/oci-core";
import * as Effect from "effect/Effect";

/**
 * A tag that cannot be moved refuses the digest that it has already (facts/ecr.md 4.2), as after an answer that was lost: that is no conflict.
 */
export const acceptingEqual = (registry: Registry): Registry => ({
  ...registry,
  putManifest: (repository, reference, manifest) =>
    Effect.catchIf(
      registry.putManifest(repository, reference, manifest),
      ({ reason }) => reason === "conflict",
      (error) =>
        Effect.flatMap(registry.resolve(repository, reference), (held) =>
          // ECR lists by itself whatever has a subject (4.1).
          held?.digest === manifest.digest
            ? Effect.succeed({ subjectAccepted: true, named: true })
            : Effect.fail(error),
        ),
    ),
});

import * as z from "zod";
import type { RegistryConfig } from "../model.ts";
import { artifactRegistrySchema, buildArtifactRegistry } from "./artifact-registry.ts";
import { artifactorySchema, buildArtifactory } from "./artifactory.ts";
import type { BuildContext } from "./common.ts";
import { buildEcr, ecrSchema } from "./ecr.ts";
import { buildOci, ociSchema } from "./oci.ts";

/** One entry of `registries`. Which keys there are follows from `type`. */
export const registrySchema = z.discriminatedUnion("type", [
  ociSchema,
  artifactorySchema,
  artifactRegistrySchema,
  ecrSchema,
]);

export type WireRegistry = z.infer<typeof registrySchema>;

export const buildRegistry = (wire: WireRegistry, context: BuildContext): RegistryConfig => {
  switch (wire.type) {
    case "oci":
      return buildOci(wire, context);
    case "artifactory":
      return buildArtifactory(wire, context);
    case "ecr":
      return buildEcr(wire, context);
    case "artifact-registry":
      return buildArtifactRegistry(wire, context);
  }
};

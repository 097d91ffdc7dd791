import * as z from "zod";
import type { ArtifactoryRegistryConfig } from "../model.ts";
import {
  auth,
  type BuildContext,
  buildAuth,
  buildCommon,
  buildSecrets,
  commonKeys,
  registryUrl,
  secretNotifications,
} from "./common.ts";

/** `type: artifactory`: JFrog Artifactory. */
export const artifactorySchema = z.strictObject({
  type: z.literal("artifactory").describe("JFrog Artifactory."),
  url: registryUrl.describe("Scheme, host and port."),
  access: z.literal("repository-path").prefault("repository-path").describe("How repositories are addressed."),
  auth,
  notifications: secretNotifications,
  ...commonKeys,
});

export const buildArtifactory = (
  wire: z.infer<typeof artifactorySchema>,
  context: BuildContext,
): ArtifactoryRegistryConfig => ({
  ...buildCommon(wire, wire.url, context),
  type: "artifactory",
  access: wire.access,
  auth: buildAuth(context.name, wire.auth),
  notifications: buildSecrets(context.name, wire.notifications),
});

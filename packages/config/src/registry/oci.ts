import * as z from "zod";
import type { OciRegistryConfig } from "../model.ts";
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

/** `type: oci`: any registry of the distribution specification. */
export const ociSchema = z.strictObject({
  type: z.literal("oci").describe("Any registry of the distribution specification."),
  url: registryUrl.describe("Scheme, host and port."),
  auth,
  notifications: secretNotifications,
  ...commonKeys,
});

export const buildOci = (wire: z.infer<typeof ociSchema>, context: BuildContext): OciRegistryConfig => ({
  ...buildCommon(wire, wire.url, context),
  type: "oci",
  auth: buildAuth(context.name, wire.auth),
  notifications: buildSecrets(context.name, wire.notifications),
});

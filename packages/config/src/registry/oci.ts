import { parseRepositoryName } from "@drayage/oci-core/model";
import * as z from "zod";
import type { OciRegistryConfig } from "../model.ts";
import { checked, duration } from "../text.ts";
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

/** As often as a registry without notifications may be asked; more often is what notifications are for. */
const EVERY_MS_MIN = 1000;
/** One repository is a list in memory; more of them is a catalogue. */
const REPOSITORIES_MAX = 10_000;

const repository = checked(
  parseRepositoryName,
  "not a repository name",
  "Write the whole name without a host, e.g. `library/nginx`",
);

const poll = z
  .strictObject({
    every: duration
      .refine((ms) => ms >= EVERY_MS_MIN, { error: "less than a second" })
      .prefault("5m")
      .describe("Pause between two rounds over all repositories."),
    requests: z
      .strictObject({
        most: z.int().min(1).max(100_000).prefault(100).describe("Requests that polling may send."),
        within: duration
          .refine((ms) => ms >= EVERY_MS_MIN, { error: "less than a second" })
          .prefault("6h")
          .describe("In any time of this length."),
      })
      .prefault({})
      .describe("The budget of polling: listings, tags, tokens. What copies need is not counted."),
    repositories: z
      .array(repository)
      .min(1)
      .max(REPOSITORIES_MAX)
      .optional()
      .describe("What to poll, by full names. Default: the catalogue of the registry, which many do not offer."),
  })
  .optional()
  .describe(
    "Look for changes by our own requests, for registries that send no notifications. One process of an installation polls. Default: no polling.",
  );

/** `type: oci`: any registry of the distribution specification. */
export const ociSchema = z.strictObject({
  type: z.literal("oci").describe("Any registry of the distribution specification."),
  url: registryUrl.describe("Scheme, host and port."),
  auth,
  notifications: secretNotifications,
  poll,
  ...commonKeys,
});

export const buildOci = (wire: z.infer<typeof ociSchema>, context: BuildContext): OciRegistryConfig => ({
  ...buildCommon(wire, wire.url, context),
  type: "oci",
  auth: buildAuth(context.name, wire.auth),
  notifications: buildSecrets(context.name, wire.notifications),
  ...(wire.poll === undefined ? {} : { poll: wire.poll }),
});

import * as Redacted from "effect/Redacted";
import * as z from "zod";
import type { ArtifactRegistryConfig } from "../model.ts";
import { apiUrl, type BuildContext, buildCommon, commonKeys, registryUrl } from "./common.ts";

const LOCATION = "a region or multi-region, e.g. europe-west4 or us";
const PROJECT = "the id of a project, e.g. acme-prod";
const SUBSCRIPTION = "a whole name, e.g. projects/acme-prod/subscriptions/drayage-gcr";

const auth = z
  .union([
    z.literal("google"),
    z.strictObject({
      serviceAccountKey: z
        .string()
        .min(1)
        .describe(`The text of the key file of a service account. Keep it out of this file: \`\${file:PATH}\`.`),
    }),
    z.strictObject({ accessToken: z.string().min(1).describe("An access token, sent as it is; nothing renews it.") }),
  ])
  .prefault("google")
  .describe(
    "How we prove who we are. `google`: application default credentials (the file of `GOOGLE_APPLICATION_CREDENTIALS`, workload identity federation among them; gcloud's own; the machine's account).",
  );

const notifications = z
  .union([
    z.strictObject({
      subscription: z
        .string()
        .regex(/^projects\/[^/\s]+\/subscriptions\/[^/\s]+$/, SUBSCRIPTION)
        .describe("A subscription of the topic `gcr` of the project, which is pulled. Processes may share it."),
    }),
    z.strictObject({
      push: z
        .strictObject({
          audience: z.string().min(1).describe("The audience of the subscription's tokens."),
          serviceAccount: z.email().describe("The service account that the subscription pushes as."),
          keys: z
            .url({ protocol: /^https?$/ })
            .optional()
            .describe("Certificates that tokens are signed with. Default: Google's."),
        })
        .describe("A subscription with authentication pushes to `POST /notifications/<name>` of ingest."),
    }),
  ])
  .optional()
  .describe("What the registry tells us by Pub/Sub. Default: nothing, so that only `reconcile` sees changes.");

const createRepositories = z
  .strictObject({
    immutableTags: z.boolean().prefault(false).describe("Whether tags can never be moved or deleted."),
    kmsKey: z.string().min(1).optional().describe("The key that encrypts it. Default: Google's own."),
    labels: z.record(z.string(), z.string()).optional().describe("Labels of the repository. Default: none."),
  })
  .optional()
  .describe("Create a missing repository on the first push into it. Default: a push into it fails.");

const artifactRegistryObject = z.strictObject({
  type: z.literal("artifact-registry").describe("Google Artifact Registry, repositories of the Docker format."),
  location: z
    .string()
    .regex(/^[a-z]+(-[a-z]+[0-9]+)?$/, LOCATION)
    .describe("A region or multi-region."),
  project: z
    .string()
    .regex(/^([a-z0-9.-]+:)?[a-z][a-z0-9-]{2,61}[a-z0-9]$/, PROJECT)
    .describe("The id of the project. Names of images begin below it, with the repository: `images/team/app`."),
  url: registryUrl
    .optional()
    .describe("Scheme and host, e.g. `https://eu.gcr.io`. Default: `https://<location>-docker.pkg.dev`."),
  api: apiUrl
    .optional()
    .describe("Scheme and host of the REST API. Default: `https://artifactregistry.googleapis.com`."),
  auth,
  notifications,
  createRepositories,
  ...commonKeys,
});

/** Where the hosts of Container Registry are. Source: facts/artifact-registry.md 1.2. */
const GCR_LOCATIONS: ReadonlyMap<string, string> = new Map([
  ["gcr.io", "us"],
  ["us.gcr.io", "us"],
  ["eu.gcr.io", "europe"],
  ["asia.gcr.io", "asia"],
]);

/** `type: artifact-registry`: Google Artifact Registry, Docker format. */
export const artifactRegistrySchema = artifactRegistryObject.superRefine(({ url, location }, context) => {
  const own = GCR_LOCATIONS.get(url?.hostname ?? "");
  if (own === undefined || own === location) return;
  // With another location every notification would be of another place, and ignored.
  const message = `${url?.hostname} is in ${own}`;
  context.addIssue({ code: "custom", path: ["location"], message, params: { mend: `Write ${own}` } });
});

export const buildArtifactRegistry = (
  wire: z.infer<typeof artifactRegistrySchema>,
  context: BuildContext,
): ArtifactRegistryConfig => ({
  ...buildCommon(wire, wire.url ?? new URL(`https://${wire.location}-docker.pkg.dev`), context),
  type: "artifact-registry",
  location: wire.location,
  project: wire.project,
  api: wire.api ?? new URL("https://artifactregistry.googleapis.com"),
  auth: buildAuth(context.name, wire.auth),
  notifications: buildNotifications(wire.notifications),
  createRepositories: wire.createRepositories,
});

const buildAuth = (registry: string, wire: z.infer<typeof auth>): ArtifactRegistryConfig["auth"] => {
  if (wire === "google") return { _tag: "Default" };
  return "accessToken" in wire
    ? { _tag: "AccessToken", token: Redacted.make(wire.accessToken, { label: `${registry} access token` }) }
    : { _tag: "ServiceAccountKey", key: Redacted.make(wire.serviceAccountKey, { label: `${registry} key` }) };
};

const buildNotifications = (wire: z.infer<typeof notifications>): ArtifactRegistryConfig["notifications"] => {
  if (wire === undefined) return { _tag: "None" };
  if ("subscription" in wire) return { _tag: "Subscription", subscription: wire.subscription };
  const { audience, serviceAccount, keys } = wire.push;
  return { _tag: "Push", audience, serviceAccount, keys: keys === undefined ? undefined : new URL(keys) };
};

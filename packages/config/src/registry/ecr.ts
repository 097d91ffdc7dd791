import * as z from "zod";
import type { EcrRegistryConfig } from "../model.ts";
import { matching } from "../text.ts";
import { apiUrl, type BuildContext, buildCommon, buildSecrets, commonKeys, registryUrl, secrets } from "./common.ts";

const createRepositories = z
  .strictObject({
    immutableTags: z
      .boolean()
      .prefault(false)
      .describe("Tags cannot be moved, but for `sha256-*`, which signatures need."),
    scanOnPush: z.boolean().prefault(false).describe("Basic scanning of what is pushed."),
    kmsKey: z.string().min(1).optional().describe("ARN, id or alias of a KMS key. Default: AES-256 by ECR itself."),
    lifecyclePolicy: z.string().min(1).optional().describe("Text (JSON) of a lifecycle policy. Default: none."),
    tags: z.record(z.string(), z.string()).prefault({}).describe("AWS resource tags."),
  })
  .describe("How a missing repository is made. One that exists is never changed.");

const ecrObject = z.strictObject({
  type: z.literal("ecr").describe("Amazon ECR, private or public."),
  account: matching(/^\d{12}$/, "not an AWS account", "Write its twelve digits in quotes").describe(
    "AWS account of the registry, in quotes.",
  ),
  region: matching(/^[a-z]{2,}(?:-[a-z]+)+-\d{1,2}$/, "not an AWS region", "Write a region, e.g. eu-central-1")
    .prefault("us-east-1")
    .describe("AWS region of the registry. ECR Public is in us-east-1."),
  public: z.boolean().prefault(false).describe("ECR Public (public.ecr.aws): names are `<alias>/<image>`."),
  url: registryUrl
    .optional()
    .describe("Scheme, host and port. Default: the registry of account and region, in the partition of the region."),
  auth: z
    .union([
      z.literal("aws"),
      z.strictObject({
        roleArn: z.string().regex(/^arn:/, "not an ARN").describe("Role to take on with what the default chain finds."),
        externalId: z.string().min(1).optional().describe("What the role's trust policy asks for. Default: nothing."),
      }),
    ])
    .prefault("aws")
    .describe("`aws`: the default provider chain of AWS (environment, profile, web identity, metadata), or a role."),
  createRepositories: z
    .union([z.literal(false), createRepositories])
    .prefault({})
    .describe("How a missing repository is made, or `false`: then a push into it is an error."),
  notifications: z
    .strictObject({
      secret: secrets
        .optional()
        .describe(
          "What the connection of an EventBridge API destination sends in `Authorization` or `X-Api-Key`; any of a list is accepted (rotation). Without it notifications are heard from loopback only.",
        ),
      queue: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe("URL of an SQS queue that an EventBridge rule fills. Default: none is read."),
    })
    .prefault({})
    .describe("What ECR tells us, by EventBridge."),
  api: apiUrl
    .optional()
    .describe("Address of the AWS API of ECR, for interface endpoints. Default: that of the region."),
  queueApi: apiUrl.optional().describe("Address of SQS, for interface endpoints. Default: that of the region."),
  ...commonKeys,
});

type EcrWire = z.output<typeof ecrObject>;

/** What ECR Public does not have, or what nothing is documented of. Source: facts/ecr.md 1, 2, 11. */
const publicRefusals = ({
  public: isPublic,
  createRepositories: create,
  notifications,
  region,
}: EcrWire): ReadonlyArray<readonly [path: ReadonlyArray<string>, message: string, mend: string]> => {
  if (!isPublic) return [];
  const made = create === false ? undefined : create;
  const without = "Remove the key: the API of ECR Public does not take it";
  const untold = "Remove the key, and let `reconcile` find changes";
  const wanted = (key: string, is: boolean, message: string, mend: string) =>
    is ? [[key.split("."), message, mend] as const] : [];
  return [
    ...wanted("region", region !== "us-east-1", "ECR Public is in us-east-1 alone", "Remove the key"),
    ...wanted(
      "createRepositories.immutableTags",
      made?.immutableTags === true,
      "ECR Public lets all tags move",
      without,
    ),
    ...wanted("createRepositories.scanOnPush", made?.scanOnPush === true, "ECR Public does not scan", without),
    ...wanted("createRepositories.kmsKey", made?.kmsKey !== undefined, "ECR Public takes no key", without),
    ...wanted(
      "createRepositories.lifecyclePolicy",
      made?.lifecyclePolicy !== undefined,
      "ECR Public has no policies",
      without,
    ),
    ...wanted(
      "notifications.secret",
      notifications.secret !== undefined,
      "ECR Public is not known to send events",
      untold,
    ),
    ...wanted(
      "notifications.queue",
      notifications.queue !== undefined,
      "ECR Public is not known to send events",
      untold,
    ),
  ];
};

/** `type: ecr`: Amazon ECR. */
export const ecrSchema = ecrObject.superRefine((wire, context) => {
  for (const [path, message, mend] of publicRefusals(wire))
    context.addIssue({ code: "custom", path: [...path], message, params: { mend } });
});

export const buildEcr = (wire: z.infer<typeof ecrSchema>, context: BuildContext): EcrRegistryConfig => ({
  ...buildCommon(wire, wire.url ?? hostOf(wire), context),
  type: "ecr",
  account: wire.account,
  region: wire.region,
  isPublic: wire.public,
  auth: wire.auth === "aws" ? {} : wire.auth,
  createRepositories: wire.createRepositories,
  notifications: buildSecrets(context.name, { secret: wire.notifications.secret, scheme: "shared-secret" }),
  queue: wire.notifications.queue === undefined ? undefined : new URL(wire.notifications.queue),
  queueApi: wire.queueApi,
  api: wire.api,
});

/** Partitions with names of their own; all others end in amazonaws.com. Source: facts/ecr.md section 1. */
const SUFFIXES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^cn-/, "amazonaws.com.cn"],
  [/^eusc-/, "amazonaws.eu"],
  [/^us-isob-/, "sc2s.sgov.gov"],
  [/^us-iso-/, "c2s.ic.gov"],
  [/^eu-isoe-/, "cloud.adc-e.uk"],
  [/^us-isof-/, "csp.hci.ic.gov"],
];

const hostOf = (wire: { readonly public: boolean; readonly account: string; readonly region: string }): URL => {
  if (wire.public) return new URL("https://public.ecr.aws");
  const suffix = SUFFIXES.find(([pattern]) => pattern.test(wire.region))?.[1] ?? "amazonaws.com";
  return new URL(`https://${wire.account}.dkr.ecr.${wire.region}.${suffix}`);
};

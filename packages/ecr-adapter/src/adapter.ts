import {
  type Adapter,
  connectRegistry,
  ensuringRepository,
  type OutboundHost,
  proofOf,
  type Registry,
  type RegistryTraits,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { openEcrApi } from "./api.ts";
import { authenticateEventBridge } from "./authenticate.ts";
import { queueListener } from "./listen-queue.ts";
import { listOf, repositoriesOf } from "./listing.ts";
import type { EcrOptions } from "./options.ts";
import { parseEventBridge } from "./parse.ts";
import { withinQuotas } from "./quotas.ts";
import { removeOne } from "./remove.ts";
import { tokenAuth } from "./token.ts";

/** Source of each value: facts/ecr.md, the section named. */
const traits: RegistryTraits = {
  ...STANDARD_TRAITS,
  /** 4.3: one PUT with the whole body; several PATCHes deviate in three ways. */
  upload: "put",
  /** 4.4: mounts where the account has them switched on; else the wish is left out, and the POST opens an upload. */
  presence: "mount",
  /** 3.4: BatchDeleteImage by tag removes one tag. */
  tagDelete: "tag",
  /** 4.1 */
  referrers: "api",
  /** 4.6: a larger page is refused with 405. */
  tagPageSize: 1000,
  /** 4.3: many parallel uploads give broken pipes and 429. */
  concurrency: 24,
};

/**
 * Amazon ECR, private and public: content by the distribution API, everything else by the AWS API. A token is made from the AWS credentials and renewed
 * long before it ends; missing repositories are made where the configuration says so.
 */
export const ecrAdapter: Adapter<EcrOptions> = {
  type: "ecr",
  traits,
  connect: (settings, options) =>
    Effect.gen(function* () {
      const api = yield* openEcrApi(settings, options);
      const auth = yield* tokenAuth(settings.name, api, options.isPublic ? "Bearer" : "Basic");
      const client = yield* connectRegistry({ ...settings, auth, traits: { ...traits, ...settings.traits } });
      const mounts = yield* Effect.cached(
        // Whoever may not ask does without: a mount that is refused only costs what an upload costs.
        Effect.orElseSucceed(
          api.call("GetAccountSetting", "BLOB_MOUNTING", (calls) => calls.mounts()),
          () => false,
        ),
      );
      const how = options.createRepositories;
      const registry: Registry = {
        ...client,
        repositories: () => repositoriesOf(api, settings.name),
        startUpload: (repository, mount) =>
          mount === undefined
            ? client.startUpload(repository)
            : Effect.flatMap(mounts, (can) => client.startUpload(repository, can ? mount : undefined)),
        deleteManifest: (repository, reference) => removeOne(api, settings.name, repository, reference),
        powers: {
          ...client.powers,
          list: (repository) => listOf(api, repository),
          ...(how === false
            ? {}
            : {
                createRepository: (repository) =>
                  api.call("CreateRepository", repository, (calls) => calls.create(repository, how)),
              }),
        },
      };
      const quotaKey = `${options.account}/${options.isPublic ? "public" : options.region}`;
      return ensuringRepository(withinQuotas(registry, quotaKey, options.isPublic));
    }),
  notifications: (options) => ({
    // EventBridge events have at most 256 KiB.
    bytesMax: 256 * 1024,
    proof: proofOf(options.secrets),
    scheme: options.secrets.scheme,
    authenticate: (request) => authenticateEventBridge(request, options.secrets),
    parse: (request) => parseEventBridge(request, options),
  }),
  hosts: (_settings, { api, queue, queueApi, region, isPublic }) => [
    at(
      api ??
        new URL(
          isPublic ? "https://api.ecr-public.us-east-1.amazonaws.com" : `https://api.ecr.${region}.amazonaws.com`,
        ),
      "API",
    ),
    // Layers come from there, by addresses that ECR signs.
    ...(isPublic
      ? []
      : [at(new URL(`https://prod-${region}-starport-layer-bucket.s3.${region}.amazonaws.com`), "storage")]),
    ...(queue === undefined ? [] : [at(queueApi ?? queue, "queue")]),
  ],
  listeners: (settings, options) =>
    options.queue === undefined ? [] : [queueListener(settings, options.queue, options)],
};

const at = ({ hostname, port, protocol }: URL, purpose: string): OutboundHost => ({
  host: hostname,
  port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  purpose,
});

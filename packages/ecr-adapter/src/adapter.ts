import {
  type Adapter,
  connectRegistry,
  proofOf,
  type Registry,
  type RegistryTraits,
  reauthenticating,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { outboundHosts } from "./addresses.ts";
import { type EcrApi, openEcrApi } from "./api.ts";
import { authenticateEventBridge } from "./authenticate.ts";
import { creating } from "./creating.ts";
import { examineEcr } from "./examine.ts";
import { examineQueue } from "./examine-queue.ts";
import { acceptingEqual } from "./immutable.ts";
import { queueListener } from "./listen-queue.ts";
import { listOf, repositoriesOf } from "./listing.ts";
import type { EcrOptions } from "./options.ts";
import { parseEventBridge } from "./parse.ts";
import { withinQuotas } from "./quotas.ts";
import { refusesToken } from "./reauthenticate.ts";
import { removeOne } from "./remove.ts";
import { makeTokens } from "./token.ts";

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
  /** 4.3: "Images with digests […] required for pushing image […] do not exist". */
  sparseIndex: "refused",
  /** 4.6: a larger page is refused with 405. */
  tagPageSize: 1000,
  /** 4.3: many parallel uploads give broken pipes and 429. */
  concurrency: 24,
};

/** Nothing but its tokens is documented of the Docker side of ECR Public: what may be missing there is found out, and mounts are not asked for. */
const PUBLIC_TRAITS: Partial<RegistryTraits> = { referrers: "unknown", presence: "head" };

/**
 * Amazon ECR, private and public: content by the distribution API, everything else by the AWS API. A token is made from the AWS credentials, renewed
 * long before it ends, and at once where it is refused; missing repositories are made where the configuration says so.
 */
export const ecrAdapter: Adapter<EcrOptions> = {
  type: "ecr",
  traits,
  connect: (settings, options) =>
    Effect.gen(function* () {
      const api = yield* openEcrApi(settings, options);
      const tokens = makeTokens(settings.name, api, options.isPublic ? "Bearer" : "Basic");
      const plain = yield* connectRegistry({
        ...settings,
        auth: tokens.auth,
        traits: { ...traits, ...(options.isPublic ? PUBLIC_TRAITS : {}), ...settings.traits },
      });
      const content = acceptingEqual(reauthenticating(plain, tokens, refusesToken));
      const registry = byApi(yield* mountingWhereAllowed(content, api), settings.name, api);
      const examine = examineEcr(settings.name, api, options, examineQueue(settings, options));
      const examined = { ...registry, powers: { ...registry.powers, examine } };
      const quotaKey = `${options.account}/${options.isPublic ? "public" : options.region}`;
      const paced = withinQuotas(examined, quotaKey, options.isPublic);
      return options.createRepositories === false ? paced : creating(paced, api, options.createRepositories);
    }),
  notifications: (options) => ({
    // EventBridge events have at most 256 KiB.
    bytesMax: 256 * 1024,
    proof: proofOf(options.secrets),
    scheme: options.secrets.scheme,
    authenticate: (request) => authenticateEventBridge(request, options.secrets),
    parse: (request) => parseEventBridge(request, options),
  }),
  hosts: outboundHosts,
  listeners: (settings, options) =>
    options.queue === undefined ? [] : [queueListener(settings, options.queue, options)],
};

/** Whoever may not ask for the setting does without: a mount that is refused only costs what an upload costs. */
const mountingWhereAllowed = (registry: Registry, api: EcrApi): Effect.Effect<Registry> =>
  Effect.map(
    Effect.cached(
      Effect.orElseSucceed(
        api.call("GetAccountSetting", "BLOB_MOUNTING", (calls, signal) => calls.mounts(signal)),
        () => false,
      ),
    ),
    (mounts) => ({
      ...registry,
      startUpload: (repository, mount) =>
        mount === undefined
          ? registry.startUpload(repository)
          : Effect.flatMap(mounts, (can) => registry.startUpload(repository, can ? mount : undefined)),
    }),
  );

/** What the AWS API does better than the distribution API, or alone. */
const byApi = (registry: Registry, name: string, api: EcrApi): Registry => ({
  ...registry,
  repositories: () => repositoriesOf(api, name),
  deleteManifest: (repository, reference) => removeOne(api, name, repository, reference),
  powers: { ...registry.powers, list: (repository) => listOf(api, registry, repository) },
});

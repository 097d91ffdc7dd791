import {
  type Adapter,
  connectRegistry,
  ensuringRepository,
  type NotificationReader,
  type NotificationSecrets,
  openApi,
  proofOf,
  type RegistryTraits,
  STANDARD_TRAITS,
  signedWithSecret,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { examine } from "./examine.ts";
import { parseAcme } from "./parse.ts";

/** Source of each value: Acme's handbook, the page named. What is not here is as the distribution specification says. */
const traits: RegistryTraits = {
  ...STANDARD_TRAITS,
  /** "Deleting": by digest only, and every tag of it goes. */
  tagDelete: "digest",
  /** "Storage": never mounts, so asking with the upload is a waste. */
  presence: "head",
  /** "Limits": 20 requests at once for each client. */
  concurrency: 16,
};

/** What only `type: acme` has in the configuration. */
export interface AcmeOptions {
  readonly secrets: NotificationSecrets;
  /** Make a repository that is missing when something is pushed into it. */
  readonly createRepositories: boolean;
}

export const acmeAdapter: Adapter<AcmeOptions> = {
  type: "acme",
  traits,
  connect: (settings, options) =>
    Effect.gen(function* () {
      const registry = yield* connectRegistry({ ...settings, traits: { ...traits, ...settings.traits } });
      const api = yield* openApi({ ...settings, url: new URL("/api/", settings.url) });
      return ensuringRepository({
        ...registry,
        powers: {
          examine: examine(api),
          ...(options.createRepositories
            ? {
                createRepository: (repository) =>
                  api.call({
                    operation: "PUT api/repositories",
                    reference: repository,
                    method: "PUT",
                    path: `repositories/${repository}`,
                    // Made by somebody else in the same moment.
                    accept: [409],
                    read: (_, { status }) => status === 201,
                  }),
              }
            : {}),
        },
      });
    }),
  notifications: ({ secrets }): NotificationReader => ({
    // "Webhooks": one change each, below 1 KiB.
    bytesMax: 64 * 1024,
    proof: proofOf(secrets),
    scheme: secrets.scheme,
    authenticate: ({ headers, body }) => signedWithSecret(headers["x-acme-signature"], body, secrets.secrets),
    parse: ({ body }) => parseAcme(body),
  }),
};

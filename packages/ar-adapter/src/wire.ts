import * as z from "zod";

/** Documents of Google, read loosely: unknown fields are left alone. */

const text = z.string().optional().catch(undefined);

/** Source: facts/artifact-registry.md 2.2. */
const change = z.looseObject({ action: z.string(), digest: text, tag: text });
export type Change = z.output<typeof change>;

/** A message of Pub/Sub as push delivers it. Source: facts/pubsub.md 4.1. */
const envelope = z.looseObject({
  message: z.looseObject({ data: text, messageId: text, publishTime: text }),
});

/** A message: what it says, and what Pub/Sub says of it. */
export interface Message {
  readonly change: Change;
  readonly id: string | undefined;
  readonly publishedAt: string | undefined;
}

/** The message in a body, wrapped in the envelope of Pub/Sub or bare; or what is wrong with it. */
export const readMessage = (body: Uint8Array): Message | string => {
  const document = jsonOf(body);
  if (document === undefined) return "the body is no JSON";
  const wrapped = envelope.safeParse(document).data?.message;
  if (wrapped === undefined) {
    const bare = change.safeParse(document).data;
    return bare === undefined
      ? "neither a message of Pub/Sub nor a notification of Artifact Registry"
      : { change: bare, id: undefined, publishedAt: undefined };
  }
  const told = change.safeParse(jsonOf(Buffer.from(wrapped.data ?? "", "base64"))).data;
  return told === undefined
    ? "message.data: no notification of Artifact Registry; subscribe to the topic gcr"
    : { change: told, id: wrapped.messageId, publishedAt: wrapped.publishTime };
};

/** Once, not for each body. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

const jsonOf = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(UTF_8.decode(bytes));
  } catch {
    return undefined;
  }
};

/** What every page of a listing may end with. */
const next = { nextPageToken: text };

const dockerImages = z.looseObject({
  dockerImages: z
    .array(
      z.looseObject({
        uri: z.string(),
        tags: z.array(z.string()).optional(),
        imageManifests: z.array(z.looseObject({ digest: z.string() })).optional(),
      }),
    )
    .optional(),
  ...next,
});
export type DockerImagesPage = z.output<typeof dockerImages>;
export const readDockerImages = (document: unknown): DockerImagesPage | undefined =>
  dockerImages.safeParse(document).data;

const repositories = z.looseObject({
  repositories: z.array(z.looseObject({ name: z.string(), format: text, mode: text })).optional(),
  ...next,
});
export type RepositoriesPage = z.output<typeof repositories>;
export const readRepositories = (document: unknown): RepositoriesPage | undefined =>
  repositories.safeParse(document).data;

/** Source: facts/artifact-registry.md 8.1. */
const repository = z.looseObject({
  format: text,
  mode: text,
  dockerConfig: z.looseObject({ immutableTags: z.boolean().optional() }).optional(),
  cleanupPolicies: z.record(z.string(), z.unknown()).optional(),
  cleanupPolicyDryRun: z.boolean().optional(),
});
export type RepositoryDocument = z.output<typeof repository>;
export const readRepository = (document: unknown): RepositoryDocument | undefined =>
  repository.safeParse(document).data;

const permissions = z.looseObject({ permissions: z.array(z.string()).optional() });
export const readPermissions = (document: unknown): ReadonlyArray<string> | undefined => {
  const read = permissions.safeParse(document).data;
  return read && (read.permissions ?? []);
};

const packages = z.looseObject({ packages: z.array(z.looseObject({ name: z.string() })).optional(), ...next });
export type PackagesPage = z.output<typeof packages>;
export const readPackages = (document: unknown): PackagesPage | undefined => packages.safeParse(document).data;

const operation = z.looseObject({
  name: z.string(),
  done: z.boolean().optional(),
  error: z.looseObject({ code: z.number().optional(), message: text }).optional(),
});
export type Operation = z.output<typeof operation>;
export const readOperation = (document: unknown): Operation | undefined => operation.safeParse(document).data;

/** Source: facts/artifact-registry.md 4.1. */
const tagsList = z.looseObject({
  tags: z.array(z.string()).nullish(),
  child: z.array(z.string()).nullish(),
  manifest: z.record(z.string(), z.looseObject({ tag: z.array(z.string()).nullish() })).nullish(),
});
export type TagsList = z.output<typeof tagsList>;
export const readTagsList = (document: unknown): TagsList | undefined => tagsList.safeParse(document).data;

const key = z.object({
  type: z.literal("service_account"),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
});
export type ServiceAccountKey = z.output<typeof key>;
/** A key file of a service account, and of it no more than that; `undefined` for any other credentials file. */
export const readServiceAccountKey = (written: string): ServiceAccountKey | undefined =>
  key.safeParse(jsonOf(Buffer.from(written))).data;

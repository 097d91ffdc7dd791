import * as z from "zod";

/** Documents of Artifactory, read loosely: an odd field counts as absent, unknown fields are left alone. */

const text = z.string().optional().catch(undefined);

/** What webhooks say of an image or a file. Source: facts/artifactory.md 1.6. */
const data = z.looseObject({
  repo_key: text,
  event_type: text,
  path: text,
  name: text,
  sha256: text,
  image_name: text,
  tag: text,
  platforms: z
    .array(z.looseObject({ architecture: text, os: text }))
    .optional()
    .catch(undefined),
  /** Promotions of newer versions only. */
  target_repo: text,
  target_tag: text,
  /** Files that were moved or copied. */
  target_repo_path: text,
  /** Properties only. */
  property_key: text,
});

export type WebhookData = z.output<typeof data>;

/** Source: facts/artifactory.md 1.5 (envelope) and 1.9 (the flat form of older versions). */
const envelope = z.looseObject({
  domain: text,
  event_type: text,
  data: data.optional().catch(undefined),
  userContext: z.looseObject({ id: text }).optional().catch(undefined),
});

/** A delivery, in one form for every version. */
export interface Webhook {
  readonly domain: string;
  readonly eventType: string;
  readonly data: WebhookData;
  readonly user: string | undefined;
}

/** Once, not for each body. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** The delivery in a body, or why there is none. */
export const readWebhook = (body: Uint8Array): Webhook | string => {
  let document: unknown;
  try {
    document = JSON.parse(UTF_8.decode(body));
  } catch {
    return "the body is no JSON";
  }
  const wire = envelope.safeParse(document).data;
  if (wire === undefined) return "the body is no object";
  const flat = wire.data === undefined ? data.safeParse(document).data : undefined;
  const found = wire.data ?? (flat?.repo_key === undefined ? {} : flat);
  const eventType = wire.event_type ?? found.event_type;
  if (eventType === undefined) return "event_type: is missing; a predefined webhook of Artifactory has it";
  // The flat form has no domain; only images have a tag.
  const domain = wire.domain ?? (found.image_name === undefined && found.tag === undefined ? "artifact" : "docker");
  return { domain, eventType, data: found, user: wire.userContext?.id };
};

/** `GET /api/repositories`: `type` and `packageType` are compared without case. Source: facts/artifactory.md 3.2. */
const repositories = z.array(z.looseObject({ key: z.string(), type: text, packageType: text }));

export interface RepositoryKey {
  readonly key: string;
  readonly type: string;
  readonly packageType: string;
}

export const readRepositories = (document: unknown): ReadonlyArray<RepositoryKey> | undefined =>
  repositories.safeParse(document).data?.map(({ key, type, packageType }) => ({
    key,
    type: (type ?? "").toLowerCase(),
    packageType: (packageType ?? "").toLowerCase(),
  }));

/** `GET /api/repositories/<key>`, of which the members of a virtual repository are read. Source: facts/artifactory.md 3.2. */
const repositoryConfig = z.looseObject({ repositories: z.array(z.string()).max(1000).optional().catch(undefined) });

/** Members of a virtual key; none for every other key. */
export const readRepositoryConfig = (document: unknown): ReadonlyArray<string> | undefined => {
  const wire = repositoryConfig.safeParse(document).data;
  return wire === undefined ? undefined : (wire.repositories ?? []);
};

/** A row of a search for items. */
const row = z.looseObject({
  repo: z.string(),
  path: z.string(),
  name: z.string(),
  sha256: text,
  modified: text,
  modified_by: text,
});

export type AqlRow = z.output<typeof row>;

/** `POST /api/search/aql`. `range.total` counts the rows of this answer alone, so it is not read. Source: facts/artifactory.md 3.3. */
const aqlPage = z.looseObject({
  results: z.array(row),
  range: z.looseObject({ notification: text }).optional().catch(undefined),
});

export interface AqlPage {
  readonly rows: ReadonlyArray<AqlRow>;
  /** The server's words where it cut the answer. */
  readonly trimmed: string | undefined;
}

export const readAqlPage = (document: unknown): AqlPage | undefined => {
  const wire = aqlPage.safeParse(document).data;
  return wire === undefined ? undefined : { rows: wire.results, trimmed: wire.range?.notification };
};

/** `GET /api/search/checksum`: addresses of files in the storage API. Source: facts/artifactory.md 3.5. */
const found = z.looseObject({ results: z.array(z.looseObject({ uri: z.string() })) });

/** `<key>/<path>` of each file. */
export const readFoundFiles = (document: unknown): ReadonlyArray<string> | undefined =>
  found.safeParse(document).data?.results.flatMap(({ uri }) => {
    const [, path] = /\/api\/storage\/([^?#]+)/.exec(uri) ?? [];
    return path === undefined ? [] : [decoded(path)];
  });

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

/** `POST …/v2/parentManifests`. Source: facts/artifactory.md 3.7. */
const parents = z.looseObject({ parentManifestLists: z.array(z.looseObject({ digest: z.string() })) });

export const readParents = (document: unknown): ReadonlyArray<string> | undefined =>
  parents.safeParse(document).data?.parentManifestLists.map(({ digest }) => digest);

/** `GET /api/storage/<key>/<path>` of a folder; a documented sample has the flag as a text. Source: facts/artifactory.md 3.4. */
const folder = z.looseObject({
  children: z.array(z.looseObject({ folder: z.union([z.boolean(), z.stringbool()]) })),
});

/** Whether a folder has folders in it. */
export const readHasFolders = (document: unknown): boolean | undefined =>
  folder.safeParse(document).data?.children.some((child) => child.folder);

/** What we compare of a webhook subscription. Source: facts/artifactory.md 1.2. */
const subscription = z.looseObject({
  key: z.string(),
  enabled: z.boolean().optional().catch(undefined),
  event_filter: z.looseObject({
    domain: text,
    event_types: z.array(z.string()).optional().catch(undefined),
    criteria: z.looseObject({}).optional().catch(undefined),
  }),
  handlers: z.array(
    z.looseObject({ handler_type: text, url: text, use_secret_for_signing: z.boolean().optional().catch(undefined) }),
  ),
});

export type ReadSubscription = z.output<typeof subscription>;

export const readSubscription = (document: unknown): ReadSubscription | undefined =>
  subscription.safeParse(document).data;

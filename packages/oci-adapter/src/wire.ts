import * as z from "zod";

/** Bodies of notifications, read loosely: an odd field counts as absent, unknown fields are left alone. */

const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);
const part = <Shape extends z.ZodRawShape>(shape: Shape) => z.looseObject(shape).optional().catch(undefined);

/** Once, not for each body. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** The JSON of a body; undefined when it is none. */
export const readDocument = (body: Uint8Array): { readonly document: unknown } | undefined => {
  try {
    return { document: JSON.parse(UTF_8.decode(body)) };
  } catch {
    return undefined;
  }
};

// CNCF distribution. Source: distribution/distribution `notifications/event.go` at v2.8.2 and v3.1.1.

const distributionEvent = z.looseObject({
  id: text,
  timestamp: text,
  action: text,
  target: part({ mediaType: text, digest: text, repository: text, tag: text }),
  actor: part({ name: text }),
});
export type DistributionEvent = z.output<typeof distributionEvent>;

const distributionEnvelope = z.looseObject({ events: z.array(z.unknown()) });

/** The events of a body as they came; undefined when the body is no envelope. */
export const readEvents = (document: unknown): ReadonlyArray<unknown> | undefined =>
  distributionEnvelope.safeParse(document).data?.events;

export const readEvent = (value: unknown): DistributionEvent | undefined => distributionEvent.safeParse(value).data;

// ACR. Source: Microsoft, "Azure Container Registry webhook reference".

const acrMark = z.union([
  z.looseObject({
    action: z.enum(["push", "delete", "quarantine", "chart_push", "chart_delete"]),
    target: z.looseObject({}),
  }),
  z.looseObject({ action: z.literal("ping") }),
]);

/** An event without envelope, with an action that ACR has; else undefined. */
export const readAcrEvent = (document: unknown): DistributionEvent | undefined =>
  acrMark.safeParse(document).success ? readEvent(document) : undefined;

// Harbor. Source: goharbor/harbor `src/pkg/notifier/formats`, `src/pkg/notifier/model/event.go`.

const harborData = z.looseObject({
  resources: z
    .array(z.looseObject({ digest: text, tag: text }))
    .optional()
    .catch(undefined),
  repository: part({ repo_full_name: text }),
});
const harborDefault = z.looseObject({ type: z.string(), occur_at: number, operator: text, event_data: harborData });
const harborCloudEvent = z.looseObject({
  specversion: z.string(),
  type: z.string().startsWith("harbor."),
  id: text,
  time: text,
  operator: text,
  data: harborData.optional().catch(undefined),
});

/** Both payload formats, in one shape. */
export interface HarborArtifact {
  readonly type: string;
  readonly id: string | undefined;
  /** RFC 3339, or seconds since 1970. */
  readonly time: string | number | undefined;
  readonly operator: string | undefined;
  /** The key that `resources` and `repository` are below. */
  readonly data: "event_data" | "data";
  readonly repository: string | undefined;
  readonly resources: ReadonlyArray<{ readonly digest?: string | undefined; readonly tag?: string | undefined }>;
}

export const readHarbor = (document: unknown): HarborArtifact | undefined => {
  const { data: plain } = harborDefault.safeParse(document);
  if (plain !== undefined) {
    const { type, occur_at, operator, event_data } = plain;
    return { type, id: undefined, time: occur_at, operator, data: "event_data", ...contentOf(event_data) };
  }
  const { data: event } = harborCloudEvent.safeParse(document);
  if (event === undefined) return undefined;
  const { type, id, time, operator, data } = event;
  return { type, id, time, operator, data: "data", ...contentOf(data) };
};

const contentOf = (data: z.output<typeof harborData> | undefined) => ({
  repository: data?.repository?.repo_full_name,
  resources: data?.resources ?? [],
});

// zot. Source: project-zot/zot `pkg/extensions/events`.

/** Attributes of the CloudEvent. */
export interface ZotAttributes {
  readonly type?: string | undefined;
  readonly id?: string | undefined;
  readonly time?: string | undefined;
}

const zotEnvelope = z.looseObject({
  specversion: z.string(),
  type: text,
  id: text,
  time: text,
  data: z.unknown().optional(),
});
const zotData = z.looseObject({
  name: text,
  reference: text,
  digest: text,
  mediaType: text,
  actor: part({ name: text }),
});

export const readZotEnvelope = (document: unknown): (ZotAttributes & { readonly data?: unknown }) | undefined =>
  zotEnvelope.safeParse(document).data;
export const readZotData = (data: unknown): z.output<typeof zotData> | undefined => zotData.safeParse(data).data;

// Quay. Source: quay/quay `notifications/__init__.py`, `endpoints/v2/manifest.py`.

const quayBody = z.looseObject({
  repository: z.string(),
  docker_url: z.string(),
  updated_tags: z.unknown().optional(),
});
const quayTags = z.union([z.array(z.unknown()), z.record(z.string(), z.unknown()).transform(Object.keys)]).catch([]);

/** `tags`: undefined where the body has no `updated_tags`, so is no push; empty where they are neither list nor map. */
export const readQuay = (
  document: unknown,
): { readonly repository: string; readonly tags: ReadonlyArray<unknown> | undefined } | undefined => {
  const { data } = quayBody.safeParse(document);
  if (data === undefined) return undefined;
  const { repository, updated_tags: tags } = data;
  return { repository, tags: tags === undefined ? undefined : quayTags.parse(tags) };
};

// Docker Hub. Source: docker/docs `content/manuals/docker-hub/repos/manage/webhooks.md`.

const dockerHubPush = z.looseObject({
  push_data: z.looseObject({ pushed_at: number, pusher: text, tag: text, media_type: text }),
  repository: z.looseObject({ repo_name: text }),
});
export type DockerHubPush = z.output<typeof dockerHubPush>;

export const readDockerHub = (document: unknown): DockerHubPush | undefined => dockerHubPush.safeParse(document).data;

// GitHub. Source: octokit/webhooks `payload-examples/api.github.com/{package,registry_package}`.

const githubPackage = z.looseObject({
  name: text,
  ecosystem: text,
  package_type: text,
  owner: part({ login: text }),
  package_version: part({
    version: text,
    package_url: text,
    container_metadata: part({ tag: part({ name: text }), manifest: part({ media_type: text }) }),
  }),
});
export type GithubPackage = z.output<typeof githubPackage>;

const githubEvent = z.looseObject({
  action: text,
  package: githubPackage.optional().catch(undefined),
  registry_package: githubPackage.optional().catch(undefined),
  sender: part({ login: text }),
});
const githubMark = z.union([
  z.looseObject({ package: z.looseObject({ package_version: z.looseObject({}) }) }),
  z.looseObject({ registry_package: z.looseObject({ package_version: z.looseObject({}) }) }),
]);
const githubPing = z.looseObject({ zen: z.string(), hook_id: z.number() });

export const readGithub = (document: unknown) => {
  const { data } = githubEvent.safeParse(document);
  return data === undefined
    ? undefined
    : { action: data.action, sender: data.sender, pkg: data.package ?? data.registry_package };
};

/** By the body alone; GitHub itself always says the event in a header. */
export const isGithubPackage = (document: unknown): boolean => githubMark.safeParse(document).success;
export const isGithubPing = (document: unknown): boolean => githubPing.safeParse(document).success;

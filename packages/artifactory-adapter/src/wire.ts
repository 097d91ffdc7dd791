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

/** The delivery in a body, or why there is none. */
export const readWebhook = (body: Uint8Array): Webhook | string => {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
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

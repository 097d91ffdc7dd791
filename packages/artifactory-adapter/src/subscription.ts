import {
  type Api,
  type NotificationSecrets,
  openApi,
  type RegistryAuth,
  type RegistryError,
  type RegistrySettings,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { type ReadSubscription, readSubscription } from "./wire.ts";

/** Domains whose events name images, with all event types of each that we read. `docker` is that of OCI repositories too. */
export const WEBHOOK_DOMAINS = {
  docker: ["pushed", "deleted", "promoted"],
  artifact: ["deployed", "deleted", "moved", "copied", "cached"],
  artifact_property: ["added", "deleted"],
} as const;
export type WebhookDomain = keyof typeof WEBHOOK_DOMAINS;

/** Files that hold images: without this filter the `artifact` domain tells every layer. */
const MANIFEST_PATTERNS = ["**/manifest.json", "**/list.manifest.json"];

/** A webhook that is to be. */
export interface WantedWebhook {
  /** Its key in Artifactory: 2 to 200 letters, digits, `_` and `-`, a letter first. */
  readonly key: string;
  readonly domain: WebhookDomain;
  /** Where it sends: `POST /notifications/<registry>` of ingest, as Artifactory reaches it. */
  readonly url: URL;
  readonly secrets: NotificationSecrets;
  /** Repository keys that it is for. Empty: all local and federated ones, those that are made later included. */
  readonly repositoryKeys: ReadonlyArray<string>;
}

/** What `applyWebhook` did, or with `dryRun` would do. */
export interface AppliedWebhook {
  readonly key: string;
  /** `unchanged`: all that can be compared is as it should be; the secret was sent again, since it cannot be read back. */
  readonly action: "created" | "updated" | "unchanged";
  /** Fields that were otherwise, by their names in Artifactory. */
  readonly differences: ReadonlyArray<string>;
  /** The whole subscription, with the secret left out. */
  readonly subscription: Readonly<Record<string, unknown>>;
}

/** Handlers and criteria keep what we do not set (a proxy, headers of their own, patterns), and so does the subscription (its description, its project). */
const merged = (wanted: WantedWebhook, existing: ReadSubscription | undefined) => {
  const { domain, url, secrets, repositoryKeys } = wanted;
  const [handler] = existing?.handlers ?? [];
  const [secret] = secrets.secrets;
  const all = repositoryKeys.length === 0;
  return {
    description: "Tells Drayage what happens to images",
    ...existing,
    enabled: true,
    event_filter: {
      domain,
      event_types: WEBHOOK_DOMAINS[domain],
      criteria: {
        anyRemote: false,
        excludePatterns: [],
        includePatterns: domain === "docker" ? [] : MANIFEST_PATTERNS,
        ...existing?.event_filter.criteria,
        anyLocal: all,
        anyFederated: all,
        repoKeys: repositoryKeys,
      },
    },
    handlers: [
      {
        ...handler,
        handler_type: "webhook",
        url: url.href,
        ...(secret === undefined ? {} : { secret: Redacted.value(secret) }),
        use_secret_for_signing: secrets.scheme === "hmac-sha256",
      },
    ],
  };
};

type Merged = ReturnType<typeof merged>;

/**
 * Creates or updates the webhook subscription. It is first read, so that what people added stays; applying twice changes nothing. Needs an access token of an
 * administrator (or with the role for webhooks): as Bearer, or as the password of an identity, which is then sent as Bearer. Source: facts/artifactory.md 1.2.
 */
export const applyWebhook = (
  settings: RegistrySettings,
  api: URL | undefined,
  wanted: WantedWebhook,
  { dryRun }: { readonly dryRun: boolean },
): Effect.Effect<AppliedWebhook, RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const events = yield* openApi({ ...settings, url: eventApiOf(settings.url, api), prove: asBearer });
    const existing = yield* find(events, wanted.key);
    const next = merged(wanted, existing);
    const differences = existing === undefined ? [] : differencesOf(existing, next);
    const action = existing === undefined ? "created" : differences.length === 0 ? "unchanged" : "updated";
    if (!dryRun) yield* existing === undefined ? create(events, wanted.key, next) : replace(events, wanted.key, next);
    return { key: wanted.key, action, differences, subscription: withoutSecret(wanted.key, next) };
  });

/** The event service is beside `/artifactory`, not below it. */
export const eventApiOf = (url: URL, api: URL | undefined): URL => {
  const base = new URL((api ?? url).href);
  base.pathname = `${base.pathname.replace(/\/artifactory\/?$/, "").replace(/\/+$/, "")}/event/api/v1`;
  base.search = "";
  return base;
};

/** The one API that takes neither passwords nor API keys. */
const asBearer = (auth: RegistryAuth): Readonly<Record<string, string>> => {
  switch (auth._tag) {
    case "Bearer":
      return { authorization: `Bearer ${Redacted.value(auth.token)}` };
    case "Basic":
      return { authorization: `Bearer ${Redacted.value(auth.password)}` };
    default:
      return {};
  }
};

const pathOf = (key: string): string => `subscriptions/${encodeURIComponent(key)}`;

const find = (events: Api, key: string): Effect.Effect<ReadSubscription | undefined, RegistryError> =>
  Effect.catchIf(
    events.call({
      operation: "GET subscription",
      reference: key,
      method: "GET",
      path: pathOf(key),
      read: readSubscription,
    }),
    ({ reason }) => reason === "not-found",
    () => Effect.succeed(undefined),
  );

const create = (events: Api, key: string, next: Merged): Effect.Effect<unknown, RegistryError> =>
  events.call({
    operation: "POST subscription",
    reference: key,
    method: "POST",
    path: "subscriptions",
    body: { ...next, key },
    read: () => true,
  });

const replace = (events: Api, key: string, next: Merged): Effect.Effect<unknown, RegistryError> => {
  // The key is in the path, and refused in the body.
  const { key: _, ...body } = next as Merged & { readonly key?: string };
  return events.call({
    operation: "PUT subscription",
    reference: key,
    method: "PUT",
    path: pathOf(key),
    body,
    repeatable: true,
    read: () => true,
  });
};

const differencesOf = (existing: ReadSubscription, next: Merged): ReadonlyArray<string> => {
  const [was] = existing.handlers;
  const [is] = next.handlers;
  const criteria: Readonly<Record<string, unknown>> = existing.event_filter.criteria ?? {};
  const compared: Readonly<Record<string, readonly [unknown, unknown]>> = {
    enabled: [existing.enabled ?? false, next.enabled],
    "event_filter.domain": [existing.event_filter.domain, next.event_filter.domain],
    "event_filter.event_types": [sorted(existing.event_filter.event_types), sorted(next.event_filter.event_types)],
    "event_filter.criteria.anyLocal": [criteria["anyLocal"] ?? false, next.event_filter.criteria.anyLocal],
    "event_filter.criteria.anyFederated": [criteria["anyFederated"] ?? false, next.event_filter.criteria.anyFederated],
    "event_filter.criteria.repoKeys": [sorted(criteria["repoKeys"]), sorted(next.event_filter.criteria.repoKeys)],
    "handlers[0].url": [was?.url, is?.url],
    "handlers[0].use_secret_for_signing": [was?.use_secret_for_signing ?? false, is?.use_secret_for_signing],
    handlers: [existing.handlers.length, next.handlers.length],
  };
  return Object.entries(compared).flatMap(([field, [before, after]]) =>
    JSON.stringify(before) === JSON.stringify(after) ? [] : [field],
  );
};

const sorted = (list: unknown): ReadonlyArray<unknown> =>
  Array.isArray(list) ? [...(list as Array<unknown>)].sort() : [];

const withoutSecret = (key: string, next: Merged): Readonly<Record<string, unknown>> => ({
  ...next,
  key,
  handlers: next.handlers.map((handler) => ("secret" in handler ? { ...handler, secret: "<redacted>" } : handler)),
});

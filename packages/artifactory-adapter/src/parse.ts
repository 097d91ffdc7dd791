import type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { type Located, locate } from "./locate.ts";
import { readWebhook, type Webhook, type WebhookData } from "./wire.ts";

/** The Test button and the documentation send this instead of a checksum. A real image may be called sample_app: only this word counts. */
const TEST_CHECKSUM = "sample_checksum";
/** User names and token subjects; what is longer is neither. */
const ACTOR_LENGTH_MAX = 200;
/** An index of every platform that Go knows has half as many. */
const PLATFORMS_MAX = 100;

/**
 * Notifications of Artifactory's webhooks, of every 7.x form and the flat one before. Only the `docker` domain (which is also that of OCI
 * repositories) tells of images. `jpd_origin` and every other address in a body are never read. Source: facts/artifactory.md, 1.4 to 1.9.
 */
export const parseArtifactory = (request: NotificationRequest): ParsedNotifications => {
  const webhook = readWebhook(request.body);
  if (typeof webhook === "string") return { _tag: "Unparseable", reason: webhook };
  const { domain, eventType, data } = webhook;
  if (data.sha256 === TEST_CHECKSUM) return ignore("test delivery");
  const what = `${printable(domain)}.${printable(eventType)}`.slice(0, 80);
  if (domain !== "docker") {
    const subscribe = domain === "artifact" ? "; subscribe to the docker domain" : "";
    return ignore(`${what}: events of this domain do not name images${subscribe}`);
  }
  if (eventType !== "pushed" && eventType !== "deleted" && eventType !== "promoted")
    return ignore(`${what}: not known`);
  const located = locate(data);
  if (located._tag === "NotAManifest") return ignore(located.why);
  if (located._tag === "Unreadable") return { _tag: "Unparseable", reason: located.why };
  const { notification, warning } = notificationOf(eventType, located, webhook);
  return {
    _tag: "Parsed",
    notifications: [notification],
    ignored: [],
    warnings: [located.warning, warning].filter((line) => line !== undefined),
  };
};

const ignore = (why: string): ParsedNotifications => ({ _tag: "Parsed", notifications: [], ignored: [why] });

const notificationOf = (
  eventType: "pushed" | "deleted" | "promoted",
  { repository, image, tag, digest }: Located,
  { data, user }: Webhook,
): { readonly notification: Notification; readonly warning?: string | undefined } => {
  const delivery = deliveredOf(user);
  switch (eventType) {
    case "pushed":
      return { notification: { _tag: "Pushed", repository, tag, digest, platforms: platformsOf(data), delivery } };
    case "deleted":
      return { notification: { _tag: "Deleted", repository, tag, digest, delivery } };
    case "promoted": {
      const to = promotedTo(data, image, tag);
      const warning =
        to === undefined && data.target_repo !== undefined
          ? "data.target_repo, data.target_tag: no repository and tag"
          : undefined;
      return { notification: { _tag: "Promoted", from: { repository, tag }, to, delivery }, warning };
    }
  }
};

/** The same image below another key. That it may have been renamed on the way (`targetDockerRepository`) is told by no version. */
const promotedTo = (
  data: WebhookData,
  image: string,
  from: Located["tag"],
): (Notification & { _tag: "Promoted" })["to"] => {
  if (data.target_repo === undefined || data.target_repo === "") return undefined;
  const repository = parseRepositoryName(`${data.target_repo}/${image}`);
  const tag = data.target_tag === undefined || data.target_tag === "" ? from : parseTag(data.target_tag);
  if (repository === undefined || (data.target_tag && tag === undefined)) return undefined;
  return { repository, tag };
};

/** `os/architecture`; an attestation of buildx is listed as `unknown/unknown` and is no platform. */
const platformsOf = (data: WebhookData): ReadonlyArray<string> | undefined => {
  const known = (data.platforms ?? [])
    .slice(0, PLATFORMS_MAX)
    .map(({ os, architecture }) => `${os}/${architecture}`)
    .filter((platform) => /^[a-z0-9]{1,32}\/[a-z0-9]{1,32}$/.test(platform) && platform !== "unknown/unknown");
  return known.length === 0 ? undefined : known;
};

/** There is no id and no time in a delivery, so nothing is deduplicated: two equal bodies can be two pushes. */
const deliveredOf = (user: string | undefined): Delivered | undefined => {
  const actor = printable(user ?? "")
    .slice(0, ACTOR_LENGTH_MAX)
    .toWellFormed();
  return actor === "" ? undefined : { actor };
};

const printable = (text: string): string => text.replace(/\p{C}/gu, "");

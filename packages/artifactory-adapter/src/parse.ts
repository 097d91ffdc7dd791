import type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { parseRepositoryName, parseTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import { type Located, locate } from "./locate.ts";
import { makeSources, otherNames, type Sources } from "./sources.ts";
import { readWebhook, type Webhook, type WebhookData } from "./wire.ts";

/** The Test button and the documentation send this instead of a checksum. A real image may be called sample_app: only this word counts. */
const TEST_CHECKSUM = "sample_checksum";
/** User names and token subjects; what is longer is neither. */
const ACTOR_LENGTH_MAX = 200;
/** An index of every platform that Go knows has half as many. */
const PLATFORMS_MAX = 100;

/** What Artifactory writes itself when an image is pushed (facts/artifactory.md 3.3): no stamp of a person or a pipeline. */
const OWN_PROPERTY = /^(?:sha256$|docker\.|oci\.|artifactory\.)/;

/** What a delivery says of one manifest. */
type Told = "pushed" | "deleted" | "promoted" | "moved" | "copied";

/** Event types by domain. `docker` is also that of OCI repositories; in `artifact` each file tells, of which manifests count. */
const TOLD: Readonly<Record<string, Readonly<Record<string, Told>>>> = {
  docker: { pushed: "pushed", deleted: "deleted", promoted: "promoted" },
  artifact: { deployed: "pushed", cached: "pushed", deleted: "deleted", moved: "moved", copied: "copied" },
  // A stamp that came or went: whoever waits for it has to look again.
  artifact_property: { added: "pushed", deleted: "pushed" },
};

/**
 * Notifications of Artifactory's webhooks, of every 7.x form and the flat one before. `jpd_origin` and every other address in a body are never
 * read. An event names the key that holds the image; keys that show what it holds are named too. Source: facts/artifactory.md, 1.4 to 1.9.
 */
export const parseArtifactory = (
  request: NotificationRequest,
  sources: Sources = makeSources(),
): ParsedNotifications => {
  const webhook = readWebhook(request.body);
  if (typeof webhook === "string") return { _tag: "Unparseable", reason: webhook };
  const { domain, eventType, data } = webhook;
  if (data.sha256 === TEST_CHECKSUM) return ignore("test delivery");
  const what = (): string => `${printable(domain)}.${printable(eventType)}`.slice(0, 80);
  if (!Object.hasOwn(TOLD, domain)) return ignore(`${what()}: events of this domain do not name images`);
  const types = TOLD[domain] ?? {};
  const told = Object.hasOwn(types, eventType) ? types[eventType] : undefined;
  if (told === undefined) return ignore(`${what()}: not known`);
  if (domain === "artifact_property" && OWN_PROPERTY.test(data.property_key ?? ""))
    return ignore(`${what()}: ${printable(data.property_key ?? "").slice(0, 80)} is written by Artifactory itself`);
  const located = locate(data);
  if (located._tag === "NotAManifest") return ignore(located.why);
  // Files of every type of repository come in these domains: what is no image there is nobody's mistake.
  if (located._tag === "Unreadable" && domain !== "docker") return ignore(`${what()}: ${located.why}`);
  if (located._tag === "Unreadable") return { _tag: "Unparseable", reason: located.why };
  const { notification, warning } = notificationOf(told, located, webhook);
  return {
    _tag: "Parsed",
    notifications: [notification, ...atOtherNames(sources, notification)],
    ignored: [],
    warnings: [located.warning, warning].filter((line) => line !== undefined),
  };
};

/** The same through keys that show what this one holds. No digest: which member a view shows is for the view to say. */
const atOtherNames = (sources: Sources, told: Notification): ReadonlyArray<Notification> => {
  const again = (
    _tag: "Pushed" | "Deleted",
    repository: RepositoryName,
    tag: Tag | undefined,
  ): ReadonlyArray<Notification> =>
    tag === undefined
      ? []
      : otherNames(sources, repository).map((name) => ({ _tag, repository: name, tag, delivery: told.delivery }));
  switch (told._tag) {
    case "Pushed":
      return again("Pushed", told.repository, told.tag);
    case "Deleted":
      return again("Deleted", told.repository, told.tag);
    case "Changed":
      return otherNames(sources, told.repository).map((repository) => ({ ...told, repository }));
    case "Promoted":
      return [
        ...again("Pushed", told.from.repository, told.from.tag),
        ...(told.to === undefined ? [] : again("Pushed", told.to.repository, told.to.tag)),
      ];
  }
};

const ignore = (why: string): ParsedNotifications => ({ _tag: "Parsed", notifications: [], ignored: [why] });

const notificationOf = (
  told: Told,
  { repository, image, tag, digest }: Located,
  { data, user }: Webhook,
): { readonly notification: Notification; readonly warning?: string | undefined } => {
  const delivery = deliveredOf(user);
  switch (told) {
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
    case "moved":
    case "copied": {
      const to = movedTo(data);
      const warning = to === undefined ? "data.target_repo_path: no key, and no manifest" : undefined;
      return {
        notification: { _tag: "Promoted", from: { repository, tag }, to, move: told === "moved", delivery },
        warning,
      };
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

/**
 * Where a file went. Samples show a key alone, under which its path stays; the name of the field promises a path (facts/artifactory.md 1.7), so
 * both are read. Anything else is nowhere known.
 */
const movedTo = (data: WebhookData): (Notification & { _tag: "Promoted" })["to"] => {
  const [key = "", ...rest] = (data.target_repo_path ?? "").split("/").filter((segment) => segment !== "");
  const path = rest.length === 0 ? data.path : rest.join("/");
  if (key === "" || path === undefined || path.split("/").length < 3) return undefined;
  const located = locate({ repo_key: key, path });
  return located._tag === "Located" ? { repository: located.repository, tag: located.tag } : undefined;
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
  if (user === undefined) return undefined;
  const actor = printable(user).slice(0, ACTOR_LENGTH_MAX).toWellFormed();
  return actor === "" ? undefined : { actor };
};

const printable = (text: string): string => text.replace(/\p{C}/gu, "");

import type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { isManifestType, parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { type DistributionEvent, readEnvelope, readEvent } from "./wire.ts";

/** In practice there is one event in a body; the format allows more. Far above what any registry batches. */
const EVENTS_MAX = 1000;
/** Ids are UUIDs, actors are user names: what is longer is not from a registry. */
const TEXT_LENGTH_MAX = 200;
/** The last time that has four digits of year: what is later (or before 1970) is no clock, and no database reads it. */
const TIME_MAX = Date.UTC(9999, 11, 31);

/** What one event is to us. */
type Meaning =
  | { readonly notification: Notification }
  | { readonly ignored: string }
  /** The place below `events[n]`, and what is wrong there. */
  | { readonly warning: string };

/**
 * Notifications of CNCF distribution 2.x and 3.x (one JSON form, three content types). Pushes and deletions of manifests are news; pulls,
 * mounts and blobs are not. An event that cannot be read does not spoil the body: distribution sends a refused body again and
 * again, and everything after it waits. Source: facts/event-sources.md, sections 1 and 2.
 */
export const parseDistribution = (request: NotificationRequest): ParsedNotifications => {
  const events = readEnvelope(request.body);
  if (typeof events === "string") return { _tag: "Unparseable", reason: events };
  if (events.length > EVENTS_MAX) {
    return { _tag: "Unparseable", reason: `events: ${events.length} in one body, at most ${EVENTS_MAX} are read` };
  }
  const notifications: Array<Notification> = [];
  const ignored: Array<string> = [];
  const warnings: Array<string> = [];
  events.forEach((value, index) => {
    const event = readEvent(value);
    const meaning = event === undefined ? { warning: ": is no object" } : meaningOf(event);
    if ("notification" in meaning) notifications.push(meaning.notification);
    else if ("ignored" in meaning) ignored.push(meaning.ignored);
    else warnings.push(`events[${index}]${meaning.warning}`);
  });
  return { _tag: "Parsed", notifications, ignored, warnings };
};

const meaningOf = (event: DistributionEvent): Meaning => {
  switch (event.action) {
    case "push":
      return pushed(event);
    case "delete":
      return deleted(event);
    case "pull":
    case "mount":
      return { ignored: event.action };
    case undefined:
      return { warning: ".action: is missing" };
    default:
      return { ignored: `action ${printable(event.action).slice(0, 40)}` };
  }
};

const pushed = (event: DistributionEvent): Meaning => {
  const { mediaType, repository, digest, tag } = event.target ?? {};
  // Blobs are always octet-stream; they have no tag. Both are asked, because mediaType may be missing and new manifest types come.
  if (tag === undefined && !isManifestType(mediaType ?? "")) return { ignored: "push of a blob" };
  const name = parseRepositoryName(repository ?? "");
  if (name === undefined) return noRepository(repository);
  const named = tag === undefined ? undefined : parseTag(tag);
  if (tag !== undefined && named === undefined) return { warning: `.target.tag: ${shown(tag)} is no tag` };
  return {
    notification: {
      _tag: "Pushed",
      repository: name,
      tag: named,
      digest: parseDigest(digest ?? ""),
      mediaType: isManifestType(mediaType ?? "") ? mediaType : undefined,
      delivery: deliveredOf(event),
    },
  };
};

/**
 * By tag (then one event for each tag), by digest (a blob looks the same, and harms nothing: its repository is looked through),
 * or neither: a whole repository, in 3.x.
 */
const deleted = (event: DistributionEvent): Meaning => {
  const { repository, digest, tag } = event.target ?? {};
  const name = parseRepositoryName(repository ?? "");
  if (name === undefined) return noRepository(repository);
  const named = tag === undefined ? undefined : parseTag(tag);
  if (tag !== undefined && named === undefined) return { warning: `.target.tag: ${shown(tag)} is no tag` };
  return {
    notification: {
      _tag: "Deleted",
      repository: name,
      tag: named,
      digest: parseDigest(digest ?? ""),
      delivery: deliveredOf(event),
    },
  };
};

const noRepository = (repository: string | undefined): Meaning => ({
  warning: `.target.repository: ${repository === undefined ? "is missing" : `${shown(repository)} is no repository name`}`,
});

const deliveredOf = ({ id, timestamp, actor }: DistributionEvent): Delivered => {
  const time = new Date(timestamp ?? Number.NaN);
  const name = printable(actor?.name ?? "")
    .slice(0, TEXT_LENGTH_MAX)
    .toWellFormed();
  return {
    id: id === undefined || id === "" || id.length > TEXT_LENGTH_MAX ? undefined : id,
    time: time.getTime() >= 0 && time.getTime() <= TIME_MAX ? time : undefined,
    actor: name === "" ? undefined : name,
  };
};

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
const printable = (text: string): string => text.replace(/\p{C}/gu, "");

import { isManifestType } from "@drayage/oci-core/model";
import { deliveredOf } from "./delivered.ts";
import { kindOf, type Place, placeOf } from "./names.ts";
import { type Meaning, mildly, type Sender } from "./sender.ts";
import { type DistributionEvent, readEvent, readEvents } from "./wire.ts";

/** In practice there is one event in a body; the format allows more. Far above what any registry batches. */
const EVENTS_MAX = 1000;

/**
 * CNCF distribution 2.x and 3.x (one JSON form, three content types). Pushes and deletions of manifests are news; pulls,
 * mounts and blobs are not. An event that cannot be read does not spoil the body: distribution sends a refused body again and
 * again, and everything after it waits. Source: facts/event-sources.md, sections 1 and 2.
 */
export const distribution: Sender = {
  name: "CNCF distribution",
  recognises: ({ document }) => readEvents(document) !== undefined,
  parse: ({ document }) => {
    const events = readEvents(document) ?? [];
    if (events.length > EVENTS_MAX) {
      return { _tag: "Unparseable", reason: `events: ${events.length} in one body, at most ${EVENTS_MAX} are read` };
    }
    return mildly(events.map((value, index) => at(`events[${index}]`, value)));
  },
};

const at = (place: string, value: unknown): Meaning => {
  const event = readEvent(value);
  if (event === undefined) return { warning: `${place}: is no object` };
  const meaning = meaningOf(event);
  return "warning" in meaning ? { warning: `${place}.${meaning.warning}` } : meaning;
};

/** What an event of this form says; ACR sends the same without an envelope. */
export const meaningOf = (event: DistributionEvent): Meaning => {
  switch (event.action) {
    case "push":
      return pushed(event);
    case "delete":
      return deleted(event);
    case "pull":
    case "mount":
      return { ignored: event.action };
    case undefined:
      return { warning: "action: is missing" };
    default:
      return { ignored: `action ${kindOf(event.action)}` };
  }
};

const pushed = (event: DistributionEvent): Meaning => {
  const { mediaType = "", tag } = event.target ?? {};
  // Blobs are always octet-stream; they have no tag. Both are asked, because mediaType may be missing and new manifest types come.
  if (tag === undefined && !isManifestType(mediaType)) return { ignored: "push of a blob" };
  const place = placeOfEvent(event);
  if ("warning" in place) return place;
  return {
    notification: {
      _tag: "Pushed",
      ...place,
      mediaType: isManifestType(mediaType) ? mediaType : undefined,
      delivery: deliveryOf(event),
    },
  };
};

/**
 * By tag (then one event for each tag), by digest (a blob looks the same, and harms nothing: its repository is looked through),
 * or neither: a whole repository, in 3.x.
 */
const deleted = (event: DistributionEvent): Meaning => {
  const place = placeOfEvent(event);
  return "warning" in place ? place : { notification: { _tag: "Deleted", ...place, delivery: deliveryOf(event) } };
};

const placeOfEvent = ({ target }: DistributionEvent): Place | { readonly warning: string } =>
  placeOf({
    repository: { at: "target.repository", text: target?.repository },
    tag: { at: "target.tag", text: target?.tag },
    digest: target?.digest,
  });

const deliveryOf = ({ id, timestamp, actor }: DistributionEvent) =>
  deliveredOf({ id, time: timestamp, actor: actor?.name });

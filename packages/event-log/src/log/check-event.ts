import { createHash } from "node:crypto";
import { EventInvalid } from "./errors.ts";
import { newEventId } from "./event-id.ts";
import type { NewEvent } from "./model.ts";

/** An event that is known to fit the tables. */
export interface CheckedEvent extends NewEvent {
  readonly id: string;
  readonly json: string;
  /** sha-256 of `dedupe`, hex. */
  readonly dedupeHash: string | undefined;
}

/** An event names things; content belongs elsewhere. The largest of ours (an outcome with its error) is some kilobytes. */
export const EVENT_BYTES_MAX = 256 * 1024;
/** One transaction of a reconciler that found much drift; more than this is appended in several calls. */
export const APPEND_EVENTS_MAX = 10_000;
/** An index entry of PostgreSQL holds 2,704 bytes. */
const TYPE_CHARACTERS_MAX = 500;

/** jsonb takes neither U+0000 nor half a surrogate pair. JSON.stringify writes both as escapes, and no others like them. */
const UNSTORABLE_JSON = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;
const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000");

/** A sender's clock may say anything: what has no four digits for the year is written in a form that PostgreSQL does not read. */
const isStorableTime = (time: Date): boolean => time.getUTCFullYear() >= 1 && time.getUTCFullYear() <= 9999;

const TEXTS = ["type", "source", "subject", "actor", "causationId", "correlationId", "traceparent"] as const;

/** Everything that the database would refuse is found here, so that one bad event cannot spoil the others of its batch. */
export const checkEvent = (event: NewEvent): CheckedEvent | EventInvalid => {
  const invalid = (detail: string): EventInvalid =>
    new EventInvalid({ type: event.type.slice(0, TYPE_CHARACTERS_MAX).replaceAll("\u0000", " "), detail });
  for (const name of TEXTS) {
    if (event[name] !== undefined && !isStorableText(event[name])) return invalid(`${name} is not valid text`);
  }
  if (event.type === "" || event.type.length > TYPE_CHARACTERS_MAX) return invalid("its type is empty or too long");
  if (event.time !== undefined && !isStorableTime(event.time)) return invalid("time is not a date of our era");
  const json = JSON.stringify(event.data);
  if (json === undefined || !json.startsWith("{")) return invalid("data is not an object");
  if (json.length > EVENT_BYTES_MAX)
    return invalid(`data has ${json.length} characters, ${EVENT_BYTES_MAX} are allowed`);
  if (json.includes("\\u") && UNSTORABLE_JSON.test(json)) return invalid("data holds U+0000 or half a surrogate pair");
  const dedupeHash = event.dedupe === undefined ? undefined : createHash("sha256").update(event.dedupe).digest("hex");
  return { ...event, id: newEventId(), json, dedupeHash };
};

/** All of them, or what is wrong with the first bad one. */
export const checkEvents = (events: ReadonlyArray<NewEvent>): ReadonlyArray<CheckedEvent> | EventInvalid => {
  if (events.length > APPEND_EVENTS_MAX) {
    return new EventInvalid({
      type: events[0]?.type ?? "",
      detail: `${events.length} events in one call, ${APPEND_EVENTS_MAX} are allowed`,
    });
  }
  const checked: Array<CheckedEvent> = [];
  for (const event of events) {
    const one = checkEvent(event);
    if (one instanceof EventInvalid) return one;
    checked.push(one);
  }
  return checked;
};

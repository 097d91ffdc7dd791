import type { Appended, NewEvent, RawNotification } from "@drayage/event-log";
import type { Notification, NotificationReader, NotificationRequest } from "@drayage/oci-core";
import { eventsOf, traceparentOf } from "./events.ts";
import type { RefusalReason } from "./refusal.ts";

/** What came of a delivery. */
export type Received =
  | {
      readonly _tag: "Accepted";
      readonly registry: string;
      readonly events: ReadonlyArray<NewEvent>;
      readonly appended: ReadonlyArray<Appended>;
      readonly warnings: ReadonlyArray<string>;
    }
  /** Understood, and nothing to append. `unparseable`: the body is a notification, but nothing in it could be read. */
  | {
      readonly _tag: "Ignored";
      readonly registry: string;
      readonly reason: string;
      readonly unparseable: boolean;
      readonly warnings: ReadonlyArray<string>;
    }
  /** `registry` is undefined for a name that is not configured: a sender must not choose labels of ours. */
  | {
      readonly _tag: "Refused";
      readonly registry: string | undefined;
      readonly reason: RefusalReason;
      readonly detail: string;
    }
  /** The sender hung up before the body had come. */
  | { readonly _tag: "Gone" };

export type AppendResult =
  | { readonly _tag: "Appended"; readonly appended: ReadonlyArray<Appended> }
  | { readonly _tag: "Unavailable"; readonly why: string }
  | { readonly _tag: "Invalid"; readonly detail: string };

/** Where what was taken in goes. */
export interface Intake {
  /** Resolves after the events are durable. Never rejects for what may happen in operation. */
  readonly append: (events: ReadonlyArray<NewEvent>, raw: RawNotification | undefined) => Promise<AppendResult>;
  readonly newId: () => string;
  readonly now: () => number;
}

/** What is believed is read and stored. */
export const take = async (
  intake: Intake,
  registry: string,
  reader: Pick<NotificationReader, "parse">,
  request: NotificationRequest,
): Promise<Received> => {
  const parsed = reader.parse(request);
  if (parsed._tag === "Unparseable") return refused(registry, "unparseable", parsed.reason);
  const warnings = parsed.warnings ?? [];
  const { notifications, ignored } = parsed;
  if (notifications.length === 0 && warnings.length === 0) {
    const reason = [...new Set(ignored)].slice(0, REASONS_MAX).join("; ");
    return { _tag: "Ignored", registry, reason: reason === "" ? "no events" : reason, unparseable: false, warnings };
  }
  const id = intake.newId();
  const raw: RawNotification = {
    id,
    registry,
    receivedAt: new Date(intake.now()),
    headers: request.headers,
    body: request.body,
  };
  const traceparent = traceparentOf(request.headers["traceparent"]);
  // The id of the raw notification is the correlation id of all that came of it.
  const events = eventsOf(notifications, { registry, correlationId: id, traceparent });
  const stored = await store(intake, registry, events, raw, warnings);
  // An answer of 400 would make distribution send the same body for ever, with all later ones behind it.
  return events.length === 0 && stored._tag === "Accepted"
    ? { _tag: "Ignored", registry, reason: "unparseable", unparseable: true, warnings }
    : stored;
};

/** What a listener saw by itself is stored in the same way; there is nothing raw to keep. */
export const takeObserved = (
  intake: Intake,
  registry: string,
  notifications: ReadonlyArray<Notification>,
): Promise<Received> =>
  store(intake, registry, eventsOf(notifications, { registry, correlationId: intake.newId() }), undefined, []);

const store = async (
  intake: Intake,
  registry: string,
  events: ReadonlyArray<NewEvent>,
  raw: RawNotification | undefined,
  warnings: ReadonlyArray<string>,
): Promise<Received> => {
  const result = await intake.append(events, raw);
  if (result._tag === "Unavailable")
    return refused(registry, "log-unavailable", "The notification was not stored; send it again.");
  if (result._tag === "Invalid") return refused(registry, "unparseable", result.detail);
  return { _tag: "Accepted", registry, events, appended: result.appended, warnings };
};

/** Reasons told to the sender; more say nothing new. */
const REASONS_MAX = 5;

export const refused = (registry: string | undefined, reason: RefusalReason, detail: string): Received => ({
  _tag: "Refused",
  registry,
  reason,
  detail,
});

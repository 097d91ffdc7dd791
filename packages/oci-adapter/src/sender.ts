import type { Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";

/** A request whose body was read as JSON. */
export interface Received {
  /** Names in lower case. */
  readonly headers: NotificationRequest["headers"];
  /** Any JSON value, as it came. */
  readonly document: unknown;
}

/** One kind of registry, as a sender of notifications. */
export interface Sender {
  readonly name: string;
  /** Whether the request is one of its own, by marks that are documented and that no other sender has. Never throws. */
  readonly recognises: (received: Received) => boolean;
  /** What a request says that it recognised. Never throws; takes no host, URL or credential out of it. */
  readonly parse: (received: Received) => ParsedNotifications;
}

/** What one event is to us. */
export type Meaning =
  | { readonly notification: Notification }
  | { readonly ignored: string }
  /** The place in the body, and what is wrong there. */
  | { readonly warning: string };

/**
 * For senders that come again after a 4xx or switch themselves off: what cannot be read is a warning, so the answer is 200, and the receiver
 * keeps the body, counts it and asks for a reconciliation (DESIGN.md 4.3).
 */
export const mildly = (
  meanings: ReadonlyArray<Meaning>,
): Extract<ParsedNotifications, { readonly _tag: "Parsed" }> => ({
  _tag: "Parsed",
  notifications: meanings.flatMap((meaning) => ("notification" in meaning ? [meaning.notification] : [])),
  ignored: meanings.flatMap((meaning) => ("ignored" in meaning ? [meaning.ignored] : [])),
  warnings: meanings.flatMap((meaning) => ("warning" in meaning ? [meaning.warning] : [])),
});

/** For senders that take a 4xx as it is and show it to people: a body of which nothing could be read is refused. */
export const strictly = (meanings: ReadonlyArray<Meaning>): ParsedNotifications => {
  const parsed = mildly(meanings);
  const { warnings = [] } = parsed;
  return warnings.length > 0 && warnings.length === meanings.length
    ? { _tag: "Unparseable", reason: warnings.join("; ") }
    : parsed;
};

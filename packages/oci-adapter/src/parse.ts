import type { NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { acr } from "./acr.ts";
import { distribution } from "./distribution.ts";
import { dockerHub } from "./docker-hub.ts";
import { github } from "./github.ts";
import { harbor } from "./harbor.ts";
import { quay } from "./quay.ts";
import type { Sender } from "./sender.ts";
import { readDocument } from "./wire.ts";
import { zot } from "./zot.ts";

/** Everyone who is understood. Those with a mark in the headers come first; the marks in the bodies exclude each other. */
export const SENDERS: ReadonlyArray<Sender> = [github, zot, distribution, harbor, acr, quay, dockerHub];

/**
 * Notifications of any registry of type `oci`. Who sends is told by the request itself, so that nothing has to be configured; what nobody is
 * known to send is refused. Pure.
 */
export const parseNotifications = ({ headers, body }: NotificationRequest): ParsedNotifications => {
  const read = readDocument(body);
  if (read === undefined) return { _tag: "Unparseable", reason: "the body is no JSON" };
  const received = { headers, document: read.document };
  const sender = SENDERS.find(({ recognises }) => recognises(received));
  return sender === undefined ? { _tag: "Unparseable", reason: UNKNOWN } : sender.parse(received);
};

const UNKNOWN = `events: there is no such list, and nothing else says who sends; known are ${SENDERS.map(({ name }) => name).join(", ")}`;

import { encodeEvent, eventOf } from "@drayage/domain";
import type { NewEvent } from "@drayage/event-log";
import type { Notification } from "@drayage/oci-core";

/** What the events of one request share. */
export interface Origin {
  readonly registry: string;
  /** One for a request, so that everything one delivery caused can be found together. */
  readonly correlationId: string;
  /** W3C trace context of the sender, where it sent a valid one. */
  readonly traceparent?: string | undefined;
}

/**
 * The facts that notifications are, ready to append. Deduplicated by the sender's own delivery id alone: without one, two equal
 * bodies can be two pushes, and coalescing absorbs the rest (DESIGN.md 4.4). What the event says is part of the key, since one
 * delivery may be several facts, and a sender may give one id to all that a request tells.
 */
export const eventsOf = (notifications: ReadonlyArray<Notification>, origin: Origin): ReadonlyArray<NewEvent> =>
  notifications.flatMap((notification) => {
    const { id, time, actor } = notification.delivery ?? {};
    return eventOf(origin.registry, notification).map((event): NewEvent => {
      const encoded = encodeEvent(event);
      const dedupe = [origin.registry, id, encoded.type, encoded.data];
      return {
        ...encoded,
        source: `/registries/${origin.registry}`,
        time,
        actor: actor ?? `registry:${origin.registry}`,
        correlationId: origin.correlationId,
        traceparent: origin.traceparent,
        dedupe: id === undefined ? undefined : JSON.stringify(dedupe),
      };
    });
  });

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The `traceparent` header, when it is one of version 00. Source: W3C Trace Context. */
export const traceparentOf = (header: string | undefined): string | undefined =>
  header !== undefined && TRACEPARENT.test(header) ? header : undefined;

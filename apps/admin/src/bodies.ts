import type { DeliveryView } from "@drayage/delivery";
import type { RecordedEvent } from "@drayage/event-log";
import type { DeliveryBody, EventBody } from "./wire.ts";

export const deliveryBody = (view: DeliveryView): DeliveryBody => ({
  ...view,
  source: { ...view.source },
  dueAt: view.dueAt?.toISOString(),
  requestedAt: view.requestedAt?.toISOString(),
  leaseUntil: view.leaseUntil?.toISOString(),
  heldAt: view.heldAt?.toISOString(),
  absentSince: view.absentSince?.toISOString(),
  parkedAt: view.parkedAt?.toISOString(),
  lastSuccessAt: view.lastSuccessAt?.toISOString(),
});

export const eventBody = (event: RecordedEvent): EventBody => ({
  specversion: "1.0",
  id: event.id,
  source: event.source,
  type: event.type,
  subject: event.subject,
  time: event.time.toISOString(),
  datacontenttype: "application/json",
  data: { ...event.data },
  position: event.position,
  recordedat: event.recordedAt.toISOString(),
  actor: event.actor,
  causationid: event.causationId,
  correlationid: event.correlationId,
  traceparent: event.traceparent,
});

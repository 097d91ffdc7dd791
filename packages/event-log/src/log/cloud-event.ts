import type { JsonObject, RecordedEvent } from "./model.ts";

/** An event in the JSON format of CloudEvents 1.0, with our extensions (DESIGN.md section 4.4). What is undefined is not written. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: JsonObject;
  readonly position: number;
  readonly recordedat: string;
  readonly actor: string | undefined;
  readonly causationid: string | undefined;
  readonly correlationid: string | undefined;
  readonly traceparent: string | undefined;
}

/** As the admin API, an export and an archive give it. */
export const cloudEvent = (event: RecordedEvent): CloudEvent => ({
  specversion: "1.0",
  id: event.id,
  source: event.source,
  type: event.type,
  subject: event.subject,
  time: event.time.toISOString(),
  datacontenttype: "application/json",
  data: event.data,
  position: event.position,
  recordedat: event.recordedAt.toISOString(),
  actor: event.actor,
  causationid: event.causationId,
  correlationid: event.correlationId,
  traceparent: event.traceparent,
});

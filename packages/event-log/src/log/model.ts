/** What JSON can say. */
export type JsonValue = string | number | boolean | null | ReadonlyArray<JsonValue> | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** An event to be appended. The attributes are those of CloudEvents 1.0 and our extensions (DESIGN.md section 4.4). */
export interface NewEvent {
  readonly type: string;
  readonly source: string;
  readonly subject?: string | undefined;
  /** When it happened, where that is known; else the time of recording. */
  readonly time?: Date | undefined;
  readonly data: JsonObject;
  readonly actor?: string | undefined;
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  /**
   * The sender's own delivery id, made unique by the caller (`registry/id`): a second event with it within seven days is
   * not appended. Without one nothing is ever held to be a duplicate: two equal bodies can be two pushes.
   */
  readonly dedupe?: string | undefined;
}

export interface Appended {
  /** Of the event in the log: of the first one, for a duplicate. */
  readonly id: string;
  readonly position: number;
  readonly duplicate: boolean;
}

/** An event as it stands in the log, never rewritten. */
export interface RecordedEvent {
  /** Place in the one order of the log: ascending, with gaps. A safe integer from 1 on. */
  readonly position: number;
  /** UUID, version 7. */
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject?: string | undefined;
  readonly time: Date;
  /** Clock of the database when it was appended. */
  readonly recordedAt: Date;
  readonly actor?: string | undefined;
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly data: JsonObject;
}

/** What a registry sent, kept beside the log for forensics. Headers are reduced to a list of harmless ones when stored. */
export interface RawNotification {
  /** UUID to refer to it; `newEventId()` makes one. One is made when it is missing. */
  readonly id?: string | undefined;
  /** Name of the registry in the configuration. */
  readonly registry: string;
  readonly receivedAt: Date;
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>;
  readonly body: Uint8Array;
}

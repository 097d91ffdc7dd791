import type { ColumnType, JSONColumnType } from "kysely";
import type { JsonObject } from "./model.ts";

/** Tables of the event log. Other packages read them through `EventLog` only. A type, as Kysely takes no interface. */
export type LogTables = {
  event: {
    position: number;
    id: string;
    type: string;
    source: string;
    subject: string | null;
    time: Date;
    recorded_at: Date;
    actor: string | null;
    causation_id: string | null;
    correlation_id: string | null;
    traceparent: string | null;
    data: JSONColumnType<JsonObject>;
  };
  /** Delivery ids that were seen, and where. Apart from `event`, so that it stays unpartitioned and can be forgotten. */
  event_dedupe: {
    /** sha-256 of the id. */
    hash: Buffer;
    id: string;
    position: number;
    expires_at: Date;
  };
  raw_notification: {
    id: string;
    received_at: Date;
    registry: string;
    headers: JSONColumnType<JsonObject>;
    body: Buffer;
  };
  /** The log position up to which a subscriber has acted. */
  checkpoint: {
    subscriber: string;
    position: number;
    updated_at: ColumnType<Date, never, Date>;
  };
};

import { type RawBuilder, sql } from "kysely";
import { bytesColumn, jsonColumn, textColumn, timeColumn, uuidColumn } from "./columns.ts";
import { newEventId } from "./event-id.ts";
import type { RawNotification } from "./model.ts";

/**
 * Headers that say what a notification is and never who may send it. All others are dropped: secrets come under any name
 * (`authorization`, `x-jfrog-event-auth`, `x-hub-signature-256`, a token of one's own choice).
 */
const HEADERS_KEPT: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "traceparent",
  "user-agent",
  "x-amz-sns-message-id",
  "x-amz-sns-message-type",
  "x-amz-sns-topic-arn",
  "x-github-delivery",
  "x-github-event",
  "x-github-hook-id",
  "x-request-id",
]);
/** Attributes of a CloudEvent in binary mode (HTTP binding, section 3.1.3). */
const HEADER_PREFIX_KEPT = "ce-";
/** More than any sender needs; the rest is cut. */
const HEADER_CHARACTERS_MAX = 1_000;

export const keptHeaders = (headers: RawNotification["headers"]): Readonly<Record<string, string>> => {
  const kept: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    const lower = name.toLowerCase();
    if (value === undefined || !(HEADERS_KEPT.has(lower) || lower.startsWith(HEADER_PREFIX_KEPT))) continue;
    const text = typeof value === "string" ? value : value.join(", ");
    kept[lower] = text.slice(0, HEADER_CHARACTERS_MAX).toWellFormed().replaceAll("\u0000", "");
  }
  return kept;
};

/** At least one. The same id again is a repetition after an uncertain commit. */
export const rawInsert = (all: ReadonlyArray<RawNotification>): RawBuilder<unknown> => sql`
  insert into raw_notification (id, received_at, registry, headers, body)
  select * from unnest(
    ${uuidColumn(all.map((raw) => raw.id ?? newEventId()))}::uuid[], ${timeColumn(all.map((raw) => raw.receivedAt))}::timestamptz[],
    ${textColumn(all.map((raw) => raw.registry))}::text[],
    ${jsonColumn(all.map((raw) => JSON.stringify(keptHeaders(raw.headers))))}::jsonb[],
    ${bytesColumn(all.map((raw) => raw.body))}::bytea[])
  on conflict (id) do nothing`;

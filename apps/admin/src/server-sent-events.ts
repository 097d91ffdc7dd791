import type { EventLogShape, RecordedEvent } from "@drayage/event-log";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { eventBody } from "./bodies.ts";

/** Proxies close what is silent for 30 s or 60 s. */
const HEARTBEAT_EVERY = "15 seconds";
/** How soon a browser connects again. */
const RETRY_MS = 2_000;
/** Events read ahead of a slow reader are held in memory. */
const BATCH_EVENTS = 100;

/** What a reader of the log as it grows asks for. */
export interface Follow {
  /** Position. Default: the head, so only what is appended from now on. */
  readonly after?: number | undefined;
  readonly types: ReadonlyArray<string> | undefined;
  /** Called once, however it ended. */
  readonly onEnd: () => void;
}

/**
 * The log as server-sent events (WHATWG HTML, section 9.2): the id is the position, the data the event as JSON, a comment is a heartbeat. Ends
 * when `until` is aborted or the log cannot be read any more; a reader then connects again with the last id it saw.
 */
export const serverSentEvents = (
  log: Pick<EventLogShape, "subscribe">,
  query: Follow & { readonly after: number },
  until: AbortSignal,
): ReadableStream<Uint8Array> => {
  const events = log
    .subscribe({ name: "event stream", batch: BATCH_EVENTS, after: query.after, types: query.types })
    .pipe(
      Stream.map((batch) => batch.map(message).join("")),
      Stream.catchTag("LogUnavailable", (error) =>
        Stream.drain(Stream.fromEffect(Effect.logWarning(`an event stream ended: ${error.message}`))),
      ),
    );
  // The first one comes at once and sends the headers.
  const heartbeats = Stream.map(Stream.tick(HEARTBEAT_EVERY), () => ":\n\n");
  const all = Stream.make(`retry: ${RETRY_MS}\n\n`).pipe(
    Stream.concat(Stream.merge(events, heartbeats, { haltStrategy: "left" })),
    Stream.ensuring(Effect.sync(query.onEnd)),
    Stream.encodeText,
  );
  return Stream.toReadableStreamWith(all, Context.empty(), { signal: until });
};

const message = (event: RecordedEvent): string =>
  `id: ${event.position}\ndata: ${JSON.stringify(eventBody(event))}\n\n`;

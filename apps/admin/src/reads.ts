import type { Config } from "@drayage/config";
import { type DeliveryFilter, pendingRescans, readDeliveries, readImage } from "@drayage/delivery";
import { EVENT_TYPES } from "@drayage/domain";
import type { DatabaseShape, EventLogShape } from "@drayage/event-log";
import { prometheusText } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { deliveryBody, eventBody } from "./bodies.ts";
import { setGauges } from "./gauges.ts";
import { type Follow, serverSentEvents } from "./server-sent-events.ts";
import { readTargetBodies } from "./targets.ts";
import type { DeliveryBody, EventBody, RescanBody, TargetBody } from "./wire.ts";

/** What the API, the command and the scrape read. Rejects with `DatabaseError` or `LogUnavailable` when the database does not answer. */
export interface Reads {
  readonly targets: () => Promise<ReadonlyArray<TargetBody>>;
  readonly deliveries: (filter: DeliveryFilter) => Promise<ReadonlyArray<DeliveryBody>>;
  readonly image: (repository: string, tag: string | undefined) => Promise<ReadonlyArray<DeliveryBody>>;
  readonly rescans: () => Promise<ReadonlyArray<RescanBody>>;
  readonly events: (query: {
    /** Position, or time of recording. Without both: the newest events. */
    readonly after?: number | undefined;
    readonly since?: Date | undefined;
    readonly limit: number;
    readonly types: ReadonlyArray<string> | undefined;
  }) => Promise<{ readonly events: ReadonlyArray<EventBody>; readonly head: number }>;
  /** Server-sent events, until `until` is aborted or the reader cancels. */
  readonly follow: (query: Follow, until: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  readonly metrics: () => Promise<string>;
}

export const makeReads = (config: Config, database: DatabaseShape, log: EventLogShape): Reads => {
  const query = <A>(operation: string, f: () => Promise<A>): Promise<A> => run(database.attempt(operation, f));
  const targetsAt = (now: Date) => run(readTargetBodies(config, database, log, now));
  return {
    targets: () => targetsAt(new Date()),
    deliveries: async (filter) =>
      (await query("read deliveries", () => readDeliveries(database.kysely, filter))).map(deliveryBody),
    image: async (repository, tag) =>
      (await query("read image", () => readImage(database.kysely, repository, tag))).map(deliveryBody),
    rescans: async () =>
      (await query("read rescans", () => pendingRescans(database.kysely))).map((rescan) => ({
        ...rescan,
        requestedAt: rescan.requestedAt.toISOString(),
      })),
    events: async ({ after, since, limit, types }) => {
      const wanted = types?.map(typeOf);
      const from = after ?? (since === undefined ? undefined : await run(log.positionAt(since)));
      const newest = Effect.map(log.readBackward({ limit, types: wanted }), (events) => events.toReversed());
      const events = await run(from === undefined ? newest : log.read({ after: from, limit, types: wanted }));
      return { events: events.map(eventBody), head: await run(log.head) };
    },
    follow: async ({ after, types, onEnd }, until) =>
      serverSentEvents(log, { after: after ?? (await run(log.head)), types: types?.map(typeOf), onEnd }, until),
    metrics: async () => {
      const now = new Date();
      setGauges(await targetsAt(now), now);
      return prometheusText();
    },
  };
};

/** `ImagePushed` for people, `io.drayage.image.pushed.v1` for CloudEvents: both are understood. */
const typeOf = (name: string): string => Object.entries(EVENT_TYPES).find(([tag]) => tag === name)?.[1] ?? name;

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect);

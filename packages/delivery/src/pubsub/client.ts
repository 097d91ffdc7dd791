import type * as Effect from "effect/Effect";
import type { BusUnavailable } from "../bus.ts";

export interface Outgoing {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
}
export interface Received extends Outgoing {
  readonly ackId: string;
  /** 1 for the first delivery; 0 where Pub/Sub does not count. */
  readonly attempt: number;
}

/**
 * The little that we need of Pub/Sub. A message is acknowledged within seconds, when what it says is in the database, so no lease of Pub/Sub's is ever
 * prolonged and its limits on that (10 minutes at once, 60 minutes by the client's default) bound no copy.
 */
export interface PubSubClient {
  /** Returns when Pub/Sub has them for good. After a failure some may be there all the same. */
  readonly publish: (topic: string, messages: ReadonlyArray<Outgoing>) => Effect.Effect<void, BusUnavailable>;
  /** Up to `most` messages. Waits for the first one for as long as Pub/Sub likes to; may come back with none. */
  readonly pull: (subscription: string, most: number) => Effect.Effect<ReadonlyArray<Received>, BusUnavailable>;
  readonly acknowledge: (subscription: string, ackIds: ReadonlyArray<string>) => Effect.Effect<void, BusUnavailable>;
  /** They are delivered again, to anybody. */
  readonly giveBack: (subscription: string, ackIds: ReadonlyArray<string>) => Effect.Effect<void, BusUnavailable>;
}

import {
  type CompiledRoutes,
  type DeliveryRequest,
  decodeEvent,
  fanOut,
  type ReferrerRequest,
  type ReplayRequest,
  type RescanRequest,
  type Unmappable,
} from "@drayage/domain";
import type { RecordedEvent } from "@drayage/event-log";

/** What a batch of the log asks for, all together. */
export interface Decided {
  readonly deliveries: ReadonlyArray<DeliveryRequest>;
  readonly referrers: ReadonlyArray<ReferrerRequest>;
  readonly rescans: ReadonlyArray<RescanRequest>;
  readonly replays: ReadonlyArray<ReplayRequest>;
  readonly unmappable: ReadonlyArray<Unmappable>;
  readonly broken: ReadonlyArray<Broken>;
}
/** An event that nothing could be made of. It stays in the log as it is. */
export interface Broken {
  readonly position: number;
  readonly type: string;
  readonly reason: string;
}

/** Pure. One event that cannot be understood, or that a bug of ours chokes on, never holds up those behind it. */
export const decideBatch = (events: ReadonlyArray<RecordedEvent>, routes: CompiledRoutes): Decided => {
  const decided = events.map((event) => decideOne(event, routes));
  return {
    deliveries: decided.flatMap((one) => one.deliveries ?? []),
    referrers: decided.flatMap((one) => one.referrers ?? []),
    rescans: decided.flatMap((one) => one.rescans ?? []),
    replays: decided.flatMap((one) => one.replays ?? []),
    unmappable: decided.flatMap((one) => one.unmappable ?? []),
    broken: decided.flatMap((one) => one.broken ?? []),
  };
};

/** Subscribers of one process are given the same events (`EventLog.subscribe` reads a page once for all). Checking what an event holds is most of what deciding costs. */
const known = new WeakMap<RecordedEvent, ReturnType<typeof decodeEvent>>();
const decoded = (recorded: RecordedEvent): ReturnType<typeof decodeEvent> => {
  const before = known.get(recorded);
  if (before !== undefined) return before;
  const event = decodeEvent(recorded);
  known.set(recorded, event);
  return event;
};

const decideOne = (recorded: RecordedEvent, routes: CompiledRoutes): Partial<Decided> => {
  const { position, type, recordedAt } = recorded;
  try {
    const event = decoded(recorded);
    if (event._tag === "UnknownEvent") return {}; // written by a newer version, for newer readers
    if (event._tag === "InvalidEvent") return { broken: [{ position, type, reason: event.reason }] };
    return fanOut(event, position, recordedAt, routes);
  } catch (cause) {
    return {
      broken: [{ position, type, reason: `a fault of Drayage: ${cause instanceof Error ? cause.message : cause}` }],
    };
  }
};

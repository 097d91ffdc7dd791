/**
 * Group commit: all appends that wait go into one transaction, one flush is in flight, and each is answered after the
 * commit. The disk is then asked once for many events (performance.md: 20,000 a second instead of 3,000).
 *
 * Invariant 1 (DESIGN.md section 5): nothing is answered before the commit has returned, and the database was checked to
 * flush its log before a commit returns (database/check-server.ts).
 */
import { toDatabaseError } from "../database/errors.ts";
import type { CheckedEvent } from "./check-event.ts";
import { LogUnavailable, toLogUnavailable } from "./errors.ts";
import type { Appended, RawNotification } from "./model.ts";

/** One append: its events stay together, in order. */
export interface Batch {
  readonly events: ReadonlyArray<CheckedEvent>;
  readonly raw: ReadonlyArray<RawNotification>;
}

export type Answer = ReadonlyArray<Appended> | LogUnavailable;

/** One transaction over all batches: what each event became, in the order of the batches. */
export type Flush = (batch: Batch) => Promise<ReadonlyArray<Appended>>;

export interface GroupCommit {
  /** `answer` is called once, unless the returned function takes the append back first. Taking back works only while it waits. */
  readonly append: (batch: Batch, answer: (answer: Answer) => void) => () => void;
  /** Takes nothing more in; resolves when all that was taken in is answered. */
  readonly close: () => Promise<void>;
}

/** Beyond a thousand rows a larger transaction gains nothing, and each one more waits for all. */
export const FLUSH_EVENTS_MAX = 1_000;
/** What one statement should not exceed, with the copies that the driver makes of it. */
export const FLUSH_BYTES_MAX = 8 * 1024 * 1024;
/** About half a second of the best rate: more waiting than that is answered with "later" while it still can be. */
export const QUEUE_EVENTS_MAX = 10_000;
/** Bounds our memory when notifications are large. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

interface Waiting {
  readonly batch: Batch;
  readonly events: number;
  readonly bytes: number;
  readonly answer: (answer: Answer) => void;
}

const sizeOf = ({ events, raw }: Batch): number =>
  events.reduce((sum, event) => sum + event.json.length, 0) + raw.reduce((sum, one) => sum + one.body.byteLength, 0);

const unavailable = (detail: string): LogUnavailable =>
  new LogUnavailable({ operation: "append", transient: true, detail });

/** The next turn of the event loop, after what was begun in this one has gone out. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const answerAll = (taken: ReadonlyArray<Waiting>, appended: ReadonlyArray<Appended>): void => {
  let at = 0;
  for (const { events, answer } of taken) {
    answer(appended.slice(at, at + events));
    at += events;
  }
};
const failAll = (taken: ReadonlyArray<Waiting>, failure: LogUnavailable): void => {
  for (const { answer } of taken) answer(failure);
};

export const makeGroupCommit = (flush: Flush): GroupCommit => {
  let queue: Array<Waiting> = [];
  let waitingEvents = 0;
  let waitingBytes = 0;
  let closed = false;
  let flushing: Promise<void> | undefined;

  const leave = (left: Waiting): void => {
    waitingEvents -= left.events;
    waitingBytes -= left.bytes;
  };

  /** The head of the queue, up to the limits of a flush; at least one. */
  const take = (): ReadonlyArray<Waiting> => {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const next of queue) {
      events += next.events;
      bytes += next.bytes;
      if (count > 0 && (events > FLUSH_EVENTS_MAX || bytes > FLUSH_BYTES_MAX)) break;
      count++;
    }
    const taken = queue.slice(0, count);
    queue = queue.slice(count);
    taken.forEach(leave);
    return taken;
  };

  /** Gives back how to answer those who were taken. */
  const commit = async (taken: ReadonlyArray<Waiting>): Promise<() => void> => {
    const together: Batch = {
      events: taken.flatMap(({ batch }) => batch.events),
      raw: taken.flatMap(({ batch }) => batch.raw),
    };
    try {
      const appended = await flush(together);
      return () => answerAll(taken, appended);
    } catch (cause) {
      const error = toDatabaseError("append")(cause);
      if (error.transient || taken.length === 1) return () => failAll(taken, toLogUnavailable(error));
      // One append that the database refuses must not take the others with it: each gets its own transaction.
      for (const one of taken) (await commit([one]))();
      return () => {};
    }
  };

  /** A broken invariant: what was taken is answered, and the loop lives on for the others. */
  const commitOrFail = (taken: ReadonlyArray<Waiting>): Promise<() => void> =>
    commit(taken).catch((bug: unknown) => {
      const failure = new LogUnavailable({ operation: "append", transient: false, detail: String(bug), cause: bug });
      return () => failAll(taken, failure);
    });

  /**
   * Begins after all that the system has for us at this moment is taken in: senders come back together, as they were answered together, and the first of
   * them would get a flush of its own that all others wait for. While a flush is on its way the senders of the one before are answered.
   */
  const run = async (): Promise<void> => {
    await turn();
    let answerBefore = (): void => {};
    while (queue.length > 0) {
      const committed = commitOrFail(take());
      await turn(); // now it is sent
      answerBefore();
      answerBefore = await committed;
    }
    flushing = undefined;
    answerBefore();
  };

  const append: GroupCommit["append"] = (batch, answer) => {
    const waiting: Waiting = { batch, events: batch.events.length, bytes: sizeOf(batch), answer };
    if (closed) answer(unavailable("shutting down"));
    else if (
      queue.length > 0 &&
      (waitingEvents + waiting.events > QUEUE_EVENTS_MAX || waitingBytes + waiting.bytes > QUEUE_BYTES_MAX)
    ) {
      answer(unavailable(`${waitingEvents} events are waiting already`));
    } else {
      queue.push(waiting);
      waitingEvents += waiting.events;
      waitingBytes += waiting.bytes;
      flushing ??= run();
    }
    return () => {
      const index = queue.indexOf(waiting);
      if (index < 0) return;
      queue.splice(index, 1);
      leave(waiting);
    };
  };

  const close = async (): Promise<void> => {
    closed = true;
    await flushing;
  };
  return { append, close };
};

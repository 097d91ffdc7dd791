import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import type * as Stream from "effect/Stream";
import type { Kysely } from "kysely";
import { Database, type DatabaseShape } from "../database/database.ts";
import { type Archived, type ArchiveOptions, archive } from "./archive.ts";
import { checkEvents } from "./check-event.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { EventInvalid, type LogUnavailable, toLogUnavailable } from "./errors.ts";
import { makeGroupCommit } from "./group-commit.ts";
import { appendAlone, newTypes } from "./insert.ts";
import type { Appended, NewEvent, RawNotification, RecordedEvent } from "./model.ts";
import { ensurePartitions, lacksPartition } from "./partitions.ts";
import { type Pruned, type PruneOptions, prune } from "./prune.ts";
import {
  type ReadBackwardOptions,
  type ReadOptions,
  readBackward,
  readForward,
  readHead,
  readPositionAt,
} from "./read.ts";
import { sharePages } from "./share-pages.ts";
import { type SubscribeOptions, subscribe } from "./subscribe.ts";
import { type Upcasts, upcast, withOlder } from "./upcast.ts";

/** The append-only log: events of any type, in one order. */
export interface EventLogShape {
  /**
   * Appends the events of one call together, in order, and answers after they are on disk. Without events it only keeps
   * the raw notification. Fails with a transient `LogUnavailable` at once when too much is waiting.
   */
  readonly append: (
    events: ReadonlyArray<NewEvent>,
    options?: { readonly raw?: RawNotification | undefined },
  ) => Effect.Effect<ReadonlyArray<Appended>, LogUnavailable | EventInvalid>;
  /**
   * The same without a fiber, for thousands of calls a second. `answer` is called once: after the commit, or with why there was none. Must not throw.
   */
  readonly submit: (
    events: ReadonlyArray<NewEvent>,
    options: { readonly raw?: RawNotification | undefined },
    answer: (answer: ReadonlyArray<Appended> | LogUnavailable | EventInvalid) => void,
  ) => void;
  /** Ascending by position. */
  readonly read: (options: ReadOptions) => Effect.Effect<ReadonlyArray<RecordedEvent>, LogUnavailable>;
  /** Descending by position: the newest first. */
  readonly readBackward: (options: ReadBackwardOptions) => Effect.Effect<ReadonlyArray<RecordedEvent>, LogUnavailable>;
  /** Position of the last event, 0 in an empty log. */
  readonly head: Effect.Effect<number, LogUnavailable>;
  /** Position of the last event recorded before `time`: `read({ after })` begins with what came at that time. */
  readonly positionAt: (time: Date) => Effect.Effect<number, LogUnavailable>;
  /** Batches of all events after a position, for ever; waits out lost connections. */
  readonly subscribe: (options: SubscribeOptions) => Stream.Stream<ReadonlyArray<RecordedEvent>, LogUnavailable>;
  /** Undefined: this subscriber has none yet. Moved by `advanceWithin`. */
  readonly checkpoint: (subscriber: string) => Effect.Effect<number | undefined, LogUnavailable>;
  /** Writes what is older than asked for to files and drops it. By whole partitions of a million positions. */
  readonly archive: (options: ArchiveOptions) => Effect.Effect<ReadonlyArray<Archived>, LogUnavailable>;
  readonly prune: (options: PruneOptions) => Effect.Effect<Pruned, LogUnavailable>;
}

/** What is in flight at the end gets so long; the limit of a statement is longer, but a stop has to end. */
const CLOSE_MS = 10_000;

export class EventLog extends Context.Service<EventLog, EventLogShape>()("@drayage/event-log/EventLog") {
  /** Over the tables of `eventLogMigrations`. Closing the scope answers what was taken in. */
  static readonly layer: Layer.Layer<EventLog, never, Database> = EventLog.layerWith({});

  /** The same for events of which there are older versions. */
  static layerWith(upcasts: Upcasts): Layer.Layer<EventLog, never, Database> {
    return Layer.effect(
      EventLog,
      Effect.flatMap(Effect.service(Database), (database) => makeEventLog(database, upcasts)),
    );
  }
}

const makeEventLog = Effect.fnUntraced(function* (database: DatabaseShape, upcasts: Upcasts) {
  const { kysely } = database;
  const query = <A>(operation: string, f: (db: Kysely<object>) => Promise<A>): Effect.Effect<A, LogUnavailable> =>
    Effect.mapError(
      database.attempt(operation, () => f(kysely)),
      toLogUnavailable,
    );
  const group = yield* Effect.acquireRelease(
    Effect.sync(() =>
      makeGroupCommit(async ({ events, raw }) => {
        const appended = await appendAlone(kysely, events, raw).catch(async (error: unknown) => {
          if (!lacksPartition(error)) throw error;
          await ensurePartitions(kysely);
          return appendAlone(kysely, events, raw);
        });
        database.onAppended(newTypes(events, appended));
        return appended;
      }),
    ),
    (open) => Effect.ignore(Effect.timeout(Effect.promise(open.close), CLOSE_MS)),
  );

  /** Gives back how to take the append back while it waits. */
  const submit = (...[events, { raw }, answer]: Parameters<EventLogShape["submit"]>): (() => void) => {
    const checked = checkEvents(events);
    if (checked instanceof EventInvalid) answer(checked);
    else if (checked.length === 0 && raw === undefined) answer([]);
    else return group.append({ events: checked, raw: raw === undefined ? [] : [raw] }, answer);
    return () => {};
  };
  const append: EventLogShape["append"] = (events, options = {}) =>
    Effect.callback((resume) => {
      const takeBack = submit(events, options, (answer) =>
        resume("_tag" in answer ? Effect.fail(answer) : Effect.succeed(answer)),
      );
      return Effect.sync(takeBack);
    });
  const newest = (events: ReadonlyArray<RecordedEvent>) => events.map((event) => upcast(upcasts, event));
  const read = (options: ReadOptions) =>
    Effect.map(
      query("read events", (db) => readForward(db, withOlder(upcasts, options))),
      newest,
    );
  const shared = yield* sharePages(read);
  yield* Effect.forkScoped(makePartitionsAhead(query("make partitions", ensurePartitions)));

  return EventLog.of({
    append,
    submit: (events, options, answer) => void submit(events, options, answer),
    read,
    readBackward: (options) =>
      Effect.map(
        query("read events backward", (db) => readBackward(db, withOlder(upcasts, options))),
        newest,
      ),
    head: query("read head", readHead),
    positionAt: (time) => query("find position", (db) => readPositionAt(db, time)),
    subscribe: (options) => subscribe(shared, database.listen, options),
    checkpoint: (subscriber) => query("read checkpoint", (db) => readCheckpoint(db, subscriber)),
    archive: (options) => query("archive", (db) => archive(db, options)),
    prune: (options) => query("prune", (db) => prune(db, options)),
  });
});

/** One tiny query, at most. A partition is a million positions, and two more lie ahead. */
const PARTITIONS_EVERY = "10 seconds";

/** For ever. A database that is away is looked at again. */
const makePartitionsAhead = (look: Effect.Effect<number, LogUnavailable>): Effect.Effect<void> =>
  look.pipe(
    Effect.catchTag("LogUnavailable", (error) => Effect.logDebug(error.message)),
    Effect.repeat(Schedule.spaced(PARTITIONS_EVERY)),
    Effect.asVoid,
  );

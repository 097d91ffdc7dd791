/** Many who append and several who follow the log at the same time, and the judge of what the followers saw. */
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Stream from "effect/Stream";
import { sql } from "kysely";
import { Database } from "../database/database.ts";
import { checkEvents } from "../log/check-event.ts";
import { EventInvalid } from "../log/errors.ts";
import { EventLog } from "../log/event-log.ts";
import { insertEvents } from "../log/insert.ts";
import type { Appended } from "../log/model.ts";

export interface ObserveOptions {
  readonly appenders: number;
  readonly subscribers: number;
  /** Appends of each appender, of two events each. */
  readonly rounds: number;
  /** False takes the protection out: positions are given without the lock. */
  readonly lock: boolean;
}

export interface Observed {
  /** Positions of all that was appended, as the appenders were told. */
  readonly appended: ReadonlyArray<number>;
  /** Positions as each subscriber saw them. */
  readonly seen: ReadonlyArray<ReadonlyArray<number>>;
}

/** The last event of all, by which a subscriber knows that it is at the end. */
const LAST = "last";
/** Of each subscriber another size, so that batches end everywhere. */
const BATCHES = [1_000, 7, 64, 1, 200];

export const observe = ({
  appenders,
  subscribers,
  rounds,
  lock,
}: ObserveOptions): Effect.Effect<Observed, unknown, Database | EventLog> =>
  Effect.gen(function* () {
    const log = yield* EventLog;
    const { transaction } = yield* Database;
    const event = (subject: string) => ({ type: "io.drayage.test.happened.v1", source: "observe", subject, data: {} });
    /** A long transaction, which then holds positions that are not committed yet. */
    const slowly = (subjects: ReadonlyArray<string>) =>
      transaction("slow", async (trx) => {
        const checked = checkEvents(subjects.map(event));
        if (checked instanceof EventInvalid) throw checked;
        await sql`select pg_sleep(random() * 0.01)`.execute(trx);
        const appended = await insertEvents(trx, checked, { lock });
        await sql`select pg_sleep(random() * 0.01)`.execute(trx);
        return appended;
      });
    const follow = (batch: number) =>
      log.subscribe({ after: 0, batch }).pipe(
        Stream.flatMap((events) => Stream.fromIterable(events)),
        Stream.takeUntil(({ subject }) => subject === LAST),
        Stream.map(({ position }) => position),
        Stream.runCollect,
      );
    const following = yield* Effect.forEach(
      Array.from({ length: subscribers }, (_, n) => BATCHES[n % BATCHES.length] ?? 1),
      (batch) => Effect.forkChild(follow(batch)),
    );
    const answers = yield* Effect.forEach(
      Array.from({ length: appenders }, (_, n) => n),
      (appender) =>
        Effect.forEach(
          Array.from({ length: rounds }, (_, n) => n),
          (round): Effect.Effect<ReadonlyArray<Appended>, unknown> => {
            const subjects = [`${appender}/${round}/0`, `${appender}/${round}/1`];
            return appender % 3 === 0 ? slowly(subjects) : log.append(subjects.map(event));
          },
        ),
      { concurrency: "unbounded" },
    );
    yield* log.append([event(LAST)]);
    const seen: Array<ReadonlyArray<number>> = [];
    for (const fiber of following) seen.push((yield* Fiber.join(fiber)).slice(0, -1));
    return { appended: answers.flat(2).map(({ position }) => position), seen };
  });

/** What a subscriber missed, saw twice, or saw out of order (invariant 2); nothing when all is well. */
export const complaints = ({ appended, seen }: Observed): ReadonlyArray<string> => {
  const wanted = appended.toSorted((a, b) => a - b);
  return seen.flatMap((positions, subscriber) => {
    const got = new Set(positions);
    const missed = wanted.filter((position) => !got.has(position));
    const reordered = positions.filter((position, n) => n > 0 && position <= (positions[n - 1] ?? 0));
    return [
      ...(missed.length > 0
        ? [`subscriber ${subscriber} missed ${missed.length} events, the first is ${missed[0]}`]
        : []),
      ...(reordered.length > 0 ? [`subscriber ${subscriber} saw ${reordered[0]} after a later one`] : []),
    ];
  });
};

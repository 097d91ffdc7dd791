/** What every `EventLog` must do, on whatever PostgreSQL. Each test gets a layer of its own, on an empty database. */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type * as Layer from "effect/Layer";
import * as Stream from "effect/Stream";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { BrokenInvariant } from "../database/errors.ts";
import { appendWithin } from "../log/append-within.ts";
import { advanceWithin } from "../log/checkpoint.ts";
import { EventLog } from "../log/event-log.ts";
import type { NewEvent, RecordedEvent } from "../log/model.ts";
import { complaints, observe } from "./observe.ts";

/** What is under test: built anew for each test, over an empty database. */
export type EventLogSubject = () => Layer.Layer<Database | EventLog, unknown>;

const TEST_MS = 60_000;
const event = (subject: string, more: Partial<NewEvent> = {}): NewEvent => ({
  type: "io.drayage.test.happened.v1",
  source: "contract",
  subject,
  data: { subject },
  ...more,
});
const subjects = (events: ReadonlyArray<RecordedEvent>): ReadonlyArray<string | undefined> =>
  events.map((e) => e.subject);

/** Reads until `count` events came. */
const collect = (after: number, count: number, batch: number) =>
  Effect.flatMap(Effect.service(EventLog), (log) =>
    log.subscribe({ after, batch }).pipe(
      Stream.flatMap((events) => Stream.fromIterable(events)),
      Stream.take(count),
      Stream.runCollect,
    ),
  );

/** Connections of this database that have LISTEN on, killed as a failover would. */
const loseListeners = Effect.flatMap(Effect.service(Database), (database) =>
  database.attempt("kill listeners", () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()`.execute(
      database.kysely,
    ),
  ),
);

export const eventLogContract = (name: string, subject: EventLogSubject): void => {
  const test = <E>(title: string, body: Effect.Effect<void, E, Database | EventLog>): void => {
    it(title, () => Effect.runPromise(Effect.scoped(Effect.provide(body, subject()))), TEST_MS);
  };

  describe(`EventLog: ${name}`, () => {
    test(
      "gives back what was appended, in order, with all attributes",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const time = new Date("2026-01-02T03:04:05.678Z");
        const full: NewEvent = {
          ...event("a"),
          time,
          actor: "ci",
          causationId: "c-1",
          correlationId: "c-2",
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          data: { text: 'quote " back \\ {brace},comma\nline ü \\u0000', list: [1, null, { deep: true }] },
        };
        const [first, second] = yield* log.append([full, event("b")]);
        const read = yield* log.read({ after: 0, limit: 10 });
        expect(read.map((e) => e.position)).toEqual([first?.position, second?.position]);
        expect(read[0]).toMatchObject({ ...full, id: first?.id });
        expect(read[1]?.time).toEqual(read[1]?.recordedAt);
        expect(yield* log.head).toBe(second?.position);
      }),
    );

    test(
      "reads from a position on, by type, backward and with a limit",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const types = ["x", "y", "x", "y", "z"];
        const appended = yield* log.append(types.map((type, i) => event(String(i), { type })));
        const at = (i: number): number => appended[i]?.position ?? 0;
        expect(subjects(yield* log.read({ after: at(1), limit: 2 }))).toEqual(["2", "3"]);
        expect(subjects(yield* log.read({ after: 0, limit: 9, types: ["y", "z"] }))).toEqual(["1", "3", "4"]);
        expect(yield* log.read({ after: 0, limit: 9, types: [] })).toEqual([]);
        expect(subjects(yield* log.readBackward({ limit: 2 }))).toEqual(["4", "3"]);
        expect(subjects(yield* log.readBackward({ before: at(3), limit: 9, types: ["x"] }))).toEqual(["2", "0"]);
      }),
    );

    test(
      "appends a delivery id once and answers with the first position",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const again = event("again", { dedupe: "r/1" });
        const [first] = yield* log.append([event("first", { dedupe: "r/1" })]);
        const within = yield* log.append([
          again,
          event("p", { dedupe: "r/2" }),
          event("other"),
          event("q", { dedupe: "r/2" }),
        ]);
        expect(within[0]).toEqual({ ...first, duplicate: true });
        expect(within.map((one) => one.duplicate)).toEqual([true, false, false, true]);
        expect(within[3]?.position).toBe(within[1]?.position);
        expect(subjects(yield* log.read({ after: 0, limit: 9 }))).toEqual(["first", "p", "other"]);
      }),
    );

    test(
      "appends a delivery id again once it has expired",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { kysely, attempt } = yield* Database;
        const once = log.append([event("e", { dedupe: "d" })]);
        const [first] = yield* once;
        yield* attempt("expire", () => sql`update event_dedupe set expires_at = now()`.execute(kysely));
        const [second] = yield* once;
        const [third] = yield* once;
        expect(second).toMatchObject({ duplicate: false });
        expect(second?.position).toBeGreaterThan(first?.position ?? 0);
        expect(third).toEqual({ ...second, duplicate: true });
      }),
    );

    test(
      "appends a delivery id once when many send it at the same time",
      Effect.gen(function* () {
        const { transaction } = yield* Database;
        const log = yield* EventLog;
        const byAppend = Effect.forEach(
          Array.from({ length: 20 }),
          () => log.append([event("e", { dedupe: "same" })]),
          { concurrency: "unbounded" },
        );
        const byTransaction = Effect.forEach(
          Array.from({ length: 5 }),
          () => transaction("t", (trx) => appendWithin(trx, [event("e", { dedupe: "same" })])),
          { concurrency: "unbounded" },
        );
        const answers = (yield* Effect.all([byAppend, byTransaction], { concurrency: 2 })).flat(2);
        expect(answers.filter((one) => !one.duplicate)).toHaveLength(1);
        expect(new Set(answers.map((one) => one.position)).size).toBe(1);
        expect(yield* log.read({ after: 0, limit: 9 })).toHaveLength(1);
      }),
    );

    test(
      "holds nothing for a duplicate without a delivery id",
      Effect.gen(function* () {
        const log = yield* EventLog;
        yield* log.append([event("same")]);
        yield* log.append([event("same")]);
        expect(subjects(yield* log.read({ after: 0, limit: 9 }))).toEqual(["same", "same"]);
      }),
    );

    test(
      "refuses what can never be stored, and the appends beside it go through",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const bad = Effect.flip(log.append([event("bad", { data: { text: "a\u0000b" } })]));
        const [refused] = yield* Effect.all([bad, log.append([event("good")])], { concurrency: 2 });
        expect(refused._tag).toBe("EventInvalid");
        expect(subjects(yield* log.read({ after: 0, limit: 9 }))).toEqual(["good"]);
      }),
    );

    test(
      "keeps the raw notification without its secrets, also without an event, and forgets it in time",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { kysely, attempt } = yield* Database;
        const raw = {
          registry: "lab",
          receivedAt: new Date("2026-01-01T00:00:00Z"),
          headers: { "Content-Type": "application/json", Authorization: "Bearer s3cret", "ce-id": ["7"] },
          body: Buffer.from([0, 255, 92, 123]),
        };
        const stored = attempt("raw", () =>
          sql<{ headers: unknown; body: Buffer }>`select headers, body from raw_notification`.execute(kysely),
        );
        yield* log.append([event("e", { dedupe: "d" })], { raw });
        yield* log.append([], { raw });
        const { rows } = yield* stored;
        expect(rows).toHaveLength(2);
        expect(rows[0]).toEqual({ headers: { "content-type": "application/json", "ce-id": "7" }, body: raw.body });
        expect(yield* log.prune({ now: new Date("2026-01-20T00:00:00Z") })).toEqual({ rawNotifications: 0, dedupe: 0 });
        const later = new Date(Date.now() + 40 * 24 * 60 * 60 * 1000);
        expect(yield* log.prune({ now: later })).toEqual({ rawNotifications: 2, dedupe: 1 });
        expect(yield* log.read({ after: 0, limit: 9 })).toHaveLength(1);
      }),
    );

    test(
      "leaves no event of a transaction that was rolled back",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { transaction } = yield* Database;
        const failed = transaction("t", (trx) =>
          Effect.andThen(
            Effect.promise(() => appendWithin(trx, [event("gone", { dedupe: "d" })])),
            Effect.fail("no" as const),
          ),
        );
        expect(yield* Effect.flip(failed)).toBe("no");
        const [after] = yield* log.append([event("kept", { dedupe: "d" })]);
        expect(after?.duplicate).toBe(false);
        expect(subjects(yield* log.read({ after: 0, limit: 9 }))).toEqual(["kept"]);
      }),
    );

    test(
      "lets no append overtake one that has its position but is not committed",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { transaction, attempt, kysely } = yield* Database;
        const positioned = yield* Deferred.make<void>();
        const mayCommit = yield* Deferred.make<void>();
        const slow = yield* Effect.forkChild(
          transaction("slow", (trx) =>
            Effect.gen(function* () {
              yield* Effect.promise(() => appendWithin(trx, [event("slow")]));
              yield* Deferred.succeed(positioned, undefined);
              yield* Deferred.await(mayCommit);
            }),
          ),
        );
        yield* Deferred.await(positioned);
        const quick = yield* Effect.forkChild(log.append([event("quick")]));
        const waiting = attempt("locks", () =>
          sql`select from pg_locks join pg_database on pg_database.oid = database
              where datname = current_database() and locktype = 'advisory' and not granted`.execute(kysely),
        );
        yield* Effect.repeat(waiting, { until: ({ rows }) => rows.length > 0 });
        expect(yield* log.head).toBe(0);
        yield* Deferred.succeed(mayCommit, undefined);
        yield* Fiber.join(slow);
        yield* Fiber.join(quick);
        expect(subjects(yield* log.read({ after: 0, limit: 9 }))).toEqual(["slow", "quick"]);
      }),
    );

    test(
      "shows every event once and in order to five subscribers, beside 50 appenders and slow transactions",
      Effect.gen(function* () {
        const observed = yield* observe({ appenders: 50, subscribers: 5, rounds: 8, lock: true });
        expect(observed.appended).toHaveLength(50 * 8 * 2);
        expect(complaints(observed)).toEqual([]);
      }),
    );

    test(
      "goes on when the listening connection is lost",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const [first] = yield* log.append([event("0")]);
        const seen = yield* Effect.forkChild(collect(first?.position ?? 0, 3, 10));
        for (const subject of ["1", "2", "3"]) {
          yield* loseListeners;
          yield* log.append([event(subject)]);
        }
        expect(subjects(yield* Fiber.join(seen))).toEqual(["1", "2", "3"]);
      }),
    );

    test(
      "moves a checkpoint forward only, with its transaction, for one mover at a time",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { transaction } = yield* Database;
        const [a, b, c] = (yield* log.append([event("a"), event("b"), event("c")])).map((one) => one.position);
        if (a === undefined || b === undefined || c === undefined) return expect.unreachable();
        const advance = (to: number, from?: number) =>
          transaction("advance", (trx) => advanceWithin(trx, { subscriber: "s", from, to }));
        expect(yield* log.checkpoint("s")).toBeUndefined();
        yield* advance(a, 0);
        yield* advance(b, a);
        yield* advance(b);
        expect(yield* log.checkpoint("s")).toBe(b);
        const stale = yield* Effect.flip(advance(c, a));
        expect([stale.transient, stale.code]).toEqual([true, "40001"]);
        for (const wrong of [advance(a), advance(c + 1), advance(a, b)]) {
          const exit = yield* Effect.exit(wrong);
          const defect =
            exit._tag === "Failure" ? exit.cause.reasons.find((reason) => reason._tag === "Die") : undefined;
          expect(defect?.defect).toBeInstanceOf(BrokenInvariant);
        }
        const rolledBack = transaction("roll back", async (trx) => {
          await advanceWithin(trx, { subscriber: "s", to: c });
          throw new Error("no");
        });
        yield* Effect.flip(rolledBack);
        expect(yield* log.checkpoint("s")).toBe(b);
      }),
    );

    test(
      "lets one of several first movers of a checkpoint win",
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { transaction } = yield* Database;
        const [first] = yield* log.append([event("a")]);
        const to = first?.position ?? 0;
        const results = yield* Effect.forEach(
          Array.from({ length: 6 }),
          () => Effect.result(transaction("advance", (trx) => advanceWithin(trx, { subscriber: "s", from: 0, to }))),
          { concurrency: "unbounded" },
        );
        expect(results.filter((result) => result._tag === "Success")).toHaveLength(1);
      }),
    );

    test(
      "finds the position of a time",
      Effect.gen(function* () {
        const log = yield* EventLog;
        expect(yield* log.positionAt(new Date())).toBe(0);
        yield* Effect.forEach(
          Array.from({ length: 25 }, (_, i) => i),
          (i) => log.append([event(String(i))]),
        );
        const events = yield* log.read({ after: 0, limit: 100 });
        for (const { recordedAt } of events) {
          const before = events.filter((e) => e.recordedAt < recordedAt).at(-1)?.position ?? 0;
          expect(yield* log.positionAt(recordedAt)).toBe(before);
        }
        expect(yield* log.positionAt(new Date(Date.now() + 60_000))).toBe(events.at(-1)?.position);
      }),
    );
  });
};

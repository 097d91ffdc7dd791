import { Database } from "@drayage/event-log";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Logger from "effect/Logger";
import { type Kysely, sql } from "kysely";
import { expect } from "vitest";
import { lead, openSession } from "./leadership.ts";
import { testDatabase } from "./postgres.test-support.ts";
import { loseConnections } from "./testing/index.ts";

/** Who works on which name, now and in the course of the test. */
const makeWork = () => {
  const working = new Map<string, string>();
  const history: Array<string> = [];
  const work = (who: string) => (name: string) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        if (working.has(name)) history.push(`${name} twice`);
        working.set(name, who);
        history.push(`${name} ${who}`);
      }),
      () => Effect.never,
      () => Effect.sync(() => working.delete(name)),
    );
  const until = (wanted: string) =>
    Effect.sleep("10 millis").pipe(
      Effect.repeat({
        until: () =>
          [...working]
            .map((each) => each.join(" "))
            .toSorted()
            .join(", ") === wanted,
      }),
    );
  return { history, work, until };
};

it.live(
  "one process leads, the next takes over, and nobody works without a session",
  () =>
    Effect.gen(function* () {
      const database = yield* testDatabase;
      const { history, work, until } = makeWork();
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkScoped(lead(["a", "b"], work("first")));
        yield* until("a first, b first");
        yield* Effect.forkScoped(lead(["b", "c"], work("second")));
        yield* until("a first, b first, c second");
        yield* Fiber.interrupt(first);
        yield* until("b second, c second");
        yield* loseConnections;
        yield* Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => history.length === 6 }));
        yield* until("b second, c second");
      }).pipe(Effect.provideService(Database, database), Effect.scoped, Effect.provide(Logger.layer([])));
      expect(history.toSorted()).toEqual(
        ["a first", "b first", "b second", "b second", "c second", "c second"].toSorted(),
      );
    }),
  30_000,
);

it.live("a leader that falls silent is ended by the server, and no other connection is", () =>
  Effect.gen(function* () {
    const database = yield* testDatabase;
    const limitOf = (db: Kysely<object>) =>
      Effect.promise(async () => {
        const { rows } = await sql<{ limit: string; pid: number }>`
          select current_setting('idle_session_timeout') as limit, pg_backend_pid() as pid`.execute(db);
        return rows[0];
      });
    const led = yield* openSession.pipe(
      Effect.flatMap(limitOf),
      Effect.scoped,
      Effect.provideService(Database, database),
    );
    expect(led?.limit).toBe("30s");
    // Given back to the pool, which hands the same connection out again.
    expect(yield* limitOf(database.kysely)).toEqual({ limit: "0", pid: led?.pid });
  }),
);

/** What a page of some types costs: nothing that grows with the events between. */
import * as Effect from "effect/Effect";
import { type RawBuilder, sql } from "kysely";
import { expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerTestDatabase } from "../testing/test-database.ts";
import { backwardPage, forwardPage } from "./read.ts";

const TYPES = ["pushed", "deleted", "promoted", "drift", "referrer"];

/** Of the catalog, of an index for five types, and of 500 events: the outcomes alone lie on more. */
const PAGES_READ_MOST = 150;

/** One connection. */
const openSession = Effect.gen(function* () {
  const { kysely, attempt } = yield* Database;
  return yield* Effect.acquireRelease(
    attempt("begin", () => kysely.startTransaction().execute()),
    (trx) => Effect.ignore(attempt("end", () => trx.rollback().execute())),
  );
});

it("a page of types reads no event of another type, whatever the statistics say", { timeout: 60_000 }, () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { attempt } = yield* Database;
      const session = yield* openSession;
      const run = <A>(query: RawBuilder<A>) => attempt("run", () => query.execute(session));
      // Many pushes, and then a backfill's worth of outcomes: by the statistics the next push cannot be far.
      yield* run(sql`
        insert into event (position, id, type, source, time, recorded_at, data)
        select n, gen_random_uuid(), case when n <= 2000 then 'pushed' else 'succeeded' end, 's', now(), now(), '{}'
        from generate_series(1, 60000) n`);
      const { rows: sizes } = yield* run(sql<{ pages: number }>`select pg_relation_size('event_p0') / 8192 as pages`);
      expect(sizes[0]?.pages).toBeGreaterThan(2 * PAGES_READ_MOST);
      for (const statistics of [sql`select 1`, sql`analyze event`]) {
        yield* run(statistics);
        for (const page of [
          forwardPage({ after: 2000, limit: 500, types: TYPES }),
          forwardPage({ after: 0, limit: 500, types: TYPES }),
          backwardPage({ limit: 500, types: TYPES }),
          backwardPage({ before: 2000, limit: 500, types: TYPES }),
        ]) {
          yield* run(page); // fills the connection's caches of the catalog
          const { rows } = yield* run(sql<{ "QUERY PLAN": string }>`explain (analyze, buffers, timing off) ${page}`);
          const [, hit = 0, read = 0] = /shared hit=(\d+)(?: read=(\d+))?/.exec(rows[1]?.["QUERY PLAN"] ?? "") ?? [];
          expect(Number(hit)).toBeGreaterThan(0);
          expect(Number(hit) + Number(read)).toBeLessThan(PAGES_READ_MOST);
        }
      }
    }).pipe(Effect.scoped, Effect.provide(layerTestDatabase())),
  ),
);

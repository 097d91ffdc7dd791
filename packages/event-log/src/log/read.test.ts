/** What a page of some types costs: nothing that grows with the events between. */
import * as Effect from "effect/Effect";
import { type RawBuilder, sql } from "kysely";
import { expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerTestDatabase } from "../testing/test-database.ts";
import { backwardPage, forwardPage } from "./read.ts";

const TYPES = ["pushed", "deleted", "promoted", "drift", "referrer"];

it("the plan of a page of types reads no event of another type, whatever the statistics say", { timeout: 60_000 }, () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { kysely, attempt } = yield* Database;
      const run = <A>(query: RawBuilder<A>) => attempt("run", () => query.execute(kysely));
      // Many pushes, and then a backfill's worth of outcomes: by the statistics the next push cannot be far.
      yield* run(sql`
        insert into event (position, id, type, source, time, recorded_at, data)
        select n, gen_random_uuid(), case when n <= 2000 then 'pushed' else 'succeeded' end, 's', now(), now(), '{}'
        from generate_series(1, 20000) n`);
      for (const statistics of [sql`select 1`, sql`analyze event`]) {
        yield* run(statistics);
        for (const page of [
          forwardPage({ after: 2000, limit: 500, types: TYPES }),
          forwardPage({ after: 0, limit: 500, types: TYPES }),
          backwardPage({ limit: 500, types: TYPES }),
          backwardPage({ before: 2000, limit: 500, types: TYPES }),
        ]) {
          const { rows } = yield* run(sql<{ "QUERY PLAN": string }>`explain (analyze, timing off) ${page}`);
          const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
          expect(plan).toContain("event_type_position");
          expect(plan).not.toContain("Rows Removed by Filter");
        }
      }
    }).pipe(Effect.scoped, Effect.provide(layerTestDatabase())),
  ),
);

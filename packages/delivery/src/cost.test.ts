import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { expect } from "vitest";
import { nextTurn } from "./claim.ts";
import { makePostgresFixture, testDatabase } from "./postgres.test-support.ts";
import { sampleRequest } from "./testing/index.ts";
import { requestWithin } from "./upsert.ts";

const NAMES = 2_000;
/** Twenty tags to a repository. */
const requests = (position: number) =>
  Array.from({ length: NAMES }, (_, n) => sampleRequest(`app-${Math.trunc(n / 20)}:v${n % 20}`, position));

it.live("news of what waits stay in the page of their row and touch no index", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const database = yield* testDatabase;
      yield* makePostgresFixture(database).request(requests(1));
      const counted = database.transaction("news", async (trx) => {
        await requestWithin(trx, requests(2));
        const { rows } = await sql<{ updated: number; hot: number }>`
          select pg_stat_get_xact_tuples_updated('delivery'::regclass) as updated,
            pg_stat_get_xact_tuples_hot_updated('delivery'::regclass) as hot`.execute(trx);
        return rows[0];
      });
      expect(yield* counted).toEqual({ updated: NAMES, hot: NAMES });
    }),
  ),
);

it.live(
  "the repository whose turn it is is found by the index of what waits, whether all waits or nearly nothing",
  () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { attempt, kysely, ...database } = yield* testDatabase;
        yield* makePostgresFixture({ attempt, kysely, ...database }).request(requests(1));
        const [{ target, priority }] = [sampleRequest("app-0:v0", 1)];
        const plan = attempt("explain", async () => {
          await sql`analyze delivery`.execute(kysely);
          const { rows } = await sql<{ "QUERY PLAN": string }>`explain
          with top as (select ${sql.lit(priority)}::smallint as priority)
          select d.repository from delivery d where ${nextTurn(target, "app-5")}`.execute(kysely);
          return rows.map((row) => row["QUERY PLAN"]).join("\n");
        });
        expect(yield* plan).toContain("using delivery_turn");
        yield* attempt("deliver", () =>
          sql`update delivery set state = 'idle', claimed = requested, done = requested where tag <> 'v7'`.execute(
            kysely,
          ),
        );
        expect(yield* plan).toContain("using delivery_turn");
      }),
    ),
);

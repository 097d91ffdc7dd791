/** What a claim costs: nothing that grows with the deliveries that wait. */
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { type QueryExecutorProvider, sql } from "kysely";
import { expect } from "vitest";
import { take } from "./claim.ts";
import { testDatabase } from "./postgres.test-support.ts";

const MANY = 40_000;
const LIMIT = 16;
/** Of indexes: some levels for each of the rows that are looked at, and the rows that are written. All that is ready lies on more. */
const PAGES_READ_MOST = 1_000;

const wait = (db: QueryExecutorProvider, target: string, deliveries: number) =>
  sql`insert into delivery (target, repository, tag, source_registry, source_repository, source_tag, route, requested, priority,
      requested_at, state)
    select ${target}, 'image-' || n / 20, 'v' || n % 20, 'source', 'image-' || n / 20, 'v' || n % 20, 'all', n,
      case when n % 10 = 0 then 100 else 50 end, now() - n * interval '1 millisecond', 'pending'
    from generate_series(1, ${deliveries}::int) n`.execute(db);

/** Pages of a claim that is made: the first in each connection reads the catalog too. */
const pages = async (db: QueryExecutorProvider, target: string): Promise<number> => {
  const asked = { target, worker: "w", limit: LIMIT, leaseMs: 60_000, after: "", patient: 2 };
  await take(asked, true).execute(db);
  const { rows } = await sql<{
    "QUERY PLAN": string;
  }>`explain (analyze, buffers, timing off) ${take(asked, true)}`.execute(db);
  const [, hit = Number.NaN, read = 0] =
    /shared hit=(\d+)(?: read=(\d+))?/.exec(rows.map((row) => row["QUERY PLAN"]).join("\n")) ?? [];
  return Number(hit) + Number(read);
};

it.live("a claim reads little of a large backlog, whatever the statistics say", () =>
  Effect.gen(function* () {
    const { transaction, kysely } = yield* testDatabase;
    yield* Effect.promise(() => wait(kysely, "east", MANY));
    for (const statistics of [sql`select 1`, sql`analyze delivery`]) {
      yield* Effect.promise(() => statistics.execute(kysely));
      const read = yield* transaction("look", (trx) => pages(trx, "east"));
      expect(read).toBeGreaterThan(0);
      expect(read).toBeLessThan(PAGES_READ_MOST);
    }
  }),
);

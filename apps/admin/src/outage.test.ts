import { Database } from "@drayage/event-log";
import { layerTestDatabase } from "@drayage/event-log/testing";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import { sql } from "kysely";
import { expect } from "vitest";
import { start, test } from "./admin.test-support.ts";

test("while the database is away: 503 with a problem, not ready, alive; and back when it is", function* () {
  const { kysely } = yield* Database;
  const { rows } = yield* Effect.promise(() =>
    sql<{ name: string }>`select current_database() as name`.execute(kysely),
  );
  const name = sql.id(rows[0]?.name ?? "");
  // Another database of the same server, from which ours is shut.
  const other = yield* Effect.map(Layer.build(layerTestDatabase()), (services) =>
    Effect.runSync(Effect.provide(Effect.service(Database), services)),
  );
  const allow = (allowed: boolean) =>
    Effect.promise(async () => {
      await sql`alter database ${name} allow_connections ${sql.lit(allowed)}`.execute(other.kysely);
      if (!allowed)
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${rows[0]?.name}`.execute(
          other.kysely,
        );
    });
  const { ask } = yield* start();
  yield* allow(false);
  for (const path of ["targets", "deliveries", "events", "images?repository=a", "rescans", "events/stream"]) {
    const { status, headers, json } = yield* ask(`/api/v1/${path}`);
    expect([path, status, headers["content-type"], headers["retry-after"]]).toEqual([
      path,
      503,
      "application/problem+json",
      "5",
    ]);
    expect(json).toMatchObject({ title: "The database does not answer", status: 503 });
  }
  expect(yield* ask("/metrics")).toMatchObject({ status: 503 });
  expect(yield* ask("/readyz")).toMatchObject({ status: 503, json: { status: "not-ready" } });
  expect(yield* ask("/healthz")).toMatchObject({ status: 200 });
  expect(yield* ask("/openapi.json")).toMatchObject({ status: 200 });

  yield* allow(true);
  yield* ask("/readyz").pipe(
    Effect.filterOrFail(({ status }) => status === 200),
    Effect.retry(Schedule.upTo(Schedule.spaced("20 millis"), { times: 500 })),
  );
  expect(yield* ask("/api/v1/targets")).toMatchObject({ status: 200 });
});

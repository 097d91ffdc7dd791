import { decodeEvent, type OutcomeEvent } from "@drayage/domain";
import { Database, type DatabaseError, type DatabaseShape } from "@drayage/event-log";
import { layerTestDatabase } from "@drayage/event-log/testing";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { sql } from "kysely";
import { deliveryMigrations } from "./migrations.ts";
import { discardParked, retryParked } from "./parked.ts";
import { pauseTarget, resumeTarget } from "./pause.ts";
import { makePostgresBus } from "./postgres-bus.ts";
import { referrersWithin } from "./referrers.ts";
import type { BusFixture, RowView } from "./testing/fixture.ts";
import { SAMPLE_GUARD } from "./testing/index.ts";
import { requestWithin, takeOverWithin } from "./upsert.ts";

/** A new database with our tables, for the length of the scope. */
export const testDatabase: Effect.Effect<DatabaseShape, never, Scope.Scope> = Layer.build(
  layerTestDatabase({ migrations: [deliveryMigrations] }),
).pipe(
  Effect.map((context) => Context.get(context, Database)),
  Effect.orDie,
);

/** All events of the log that say how a delivery ended. */
export const outcomesOf = (database: DatabaseShape): Effect.Effect<ReadonlyArray<OutcomeEvent>> =>
  Effect.promise(async () => {
    const { rows } = await sql<{ type: string; data: unknown }>`
      select type, data from event where type like 'io.drayage.replication.%' order by position`.execute(
      database.kysely,
    );
    return rows.map((row) => {
      const event = decodeEvent(row);
      switch (event._tag) {
        case "ReplicationSucceeded":
        case "ReplicationFailed":
        case "ReplicationParked":
        case "ReplicationSkipped":
          return event;
        default:
          throw new TypeError(`the log holds a ${event._tag} of type ${row.type}`);
      }
    });
  });

export const makePostgresFixture = (database: DatabaseShape): BusFixture => {
  const { kysely, transaction } = database;
  const changed = (effect: Effect.Effect<boolean, DatabaseError, Database>): Effect.Effect<boolean> =>
    Effect.orDie(Effect.provideService(effect, Database, database));
  return {
    bus: makePostgresBus(database, SAMPLE_GUARD),
    request: (requests) => Effect.orDie(transaction("request", (trx) => requestWithin(trx, requests))),
    takeOver: (requests) => Effect.orDie(transaction("take over", (trx) => takeOverWithin(trx, requests))),
    referrers: (target, requests) =>
      Effect.orDie(transaction("referrers", (trx) => referrersWithin(trx, target, requests))),
    retryParked: retryParked({ why: "test", actor: "user:test" }).pipe(
      Effect.provideService(Database, database),
      Effect.map((retried) => retried.length),
      Effect.orDie,
    ),
    discardParked: discardParked({ why: "test", actor: "user:test" }).pipe(
      Effect.provideService(Database, database),
      Effect.map((discarded) => discarded.length),
      Effect.orDie,
    ),
    pause: (target, what) =>
      changed(pauseTarget({ target, backfill: what === "backfill", why: "test", actor: "user:test" })),
    resume: (target, what) =>
      changed(resumeTarget({ target, backfill: what === "backfill", why: "test", actor: "user:test" })),
    outcomes: outcomesOf(database),
    rows: Effect.promise(async () => {
      const { rows } = await sql<RowView>`
        select state, requested::float8 as requested, done::float8 as done, requested_at as "requestedAt"
        from delivery order by id`.execute(kysely);
      return rows;
    }),
    later: (ms) =>
      Effect.promise(async () => {
        const passed = sql`${ms}::float8 * interval '1 millisecond'`;
        await sql`update delivery set due_at = due_at - ${passed}, lease_until = lease_until - ${passed}`.execute(
          kysely,
        );
        await sql`update deletion set at = at - ${passed}`.execute(kysely);
      }),
  };
};

import { Database, type DatabaseError } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { sql } from "kysely";

/** Ends every connection to our database but the one that asks, as a restart of the server would. Returns how many. */
export const loseConnections: Effect.Effect<number, DatabaseError, Database> = Effect.gen(function* () {
  const { kysely, attempt } = yield* Database;
  const { rows } = yield* attempt("lose connections", () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(kysely),
  );
  return rows.length;
});

/** For whoever has connections of the same pool, and so lost them as well: asks again while waiting helps, as every client of ours does. */
export const askAgain = <A, E extends object, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { while: (error) => "transient" in error && error.transient === true });

/** From now on the table refuses deliveries of tags that begin so, as after a bug of ours or a rule that a person added. */
export const refuseTags = (prefix: string): Effect.Effect<void, DatabaseError, Database> =>
  Effect.gen(function* () {
    const { kysely, attempt } = yield* Database;
    yield* attempt("refuse tags", () =>
      sql`alter table delivery add constraint refused check (not starts_with(tag, ${sql.lit(prefix)}))`.execute(kysely),
    );
  });

/** Takes the table of deliveries away, and puts it back. */
export const renameDeliveries = (from: string, to: string): Effect.Effect<void, DatabaseError, Database> =>
  Effect.gen(function* () {
    const { kysely, attempt } = yield* Database;
    yield* attempt("rename deliveries", () =>
      sql`alter table ${sql.ref(from)} rename to ${sql.ref(to)}`.execute(kysely),
    );
  });

/** Holds a lock on all deliveries of a target, so that nobody can write them, until it lets go or the scope ends. */
export const holdDeliveries = (
  target: string,
): Effect.Effect<{ readonly letGo: Effect.Effect<void> }, DatabaseError, Database | Scope.Scope> =>
  Effect.gen(function* () {
    const { kysely, attempt } = yield* Database;
    const held = yield* Effect.acquireRelease(
      attempt("hold deliveries", async () => {
        const trx = await kysely.startTransaction().execute();
        await sql`select 1 from delivery where target = ${target} for update`.execute(trx);
        return { trx, over: false };
      }),
      (each) => Effect.promise(() => letGo(each)),
    );
    return { letGo: Effect.promise(() => letGo(held)) };
  });

const letGo = async (held: {
  trx: { rollback: () => { execute: () => Promise<void> } };
  over: boolean;
}): Promise<void> => {
  if (held.over) return;
  held.over = true;
  await held.trx.rollback().execute();
};

import * as Effect from "effect/Effect";
import type * as Redacted from "effect/Redacted";
import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import { clientConfig } from "./connection.ts";
import { type DatabaseError, DatabaseRefused, toDatabaseError } from "./errors.ts";
import { tolerateLoss } from "./pool.ts";

/** One step forward. There is no way back: an older version must run on the newer tables (rolling restarts). */
export interface Migration {
  /** Runs in a transaction of its own. Must not depend on today's table types. */
  readonly up: (db: Transaction<object>) => Promise<void>;
}

/**
 * The steps of one package: names are `<set>/<four digits>`, as `event-log/0001`, applied in the order of the digits.
 * A later version adds steps at the end and never changes one.
 */
export type Migrations = Readonly<Record<string, Migration>>;

const NAME = /^([a-z][a-z0-9-]*)\/\d{4}$/;
/** Key of the advisory lock that migrating processes take: an arbitrary number, "dray" in ASCII. Never change it. */
const MIGRATE_LOCK = 0x64726179;
/** A change of a table waits at most so long for running transactions: while it waits, all others wait behind it. */
const DDL_LOCK_TIMEOUT_MS = 10_000;

/** The steps that are still to be done, in order; or what does not fit. Pure. */
export const plan = (
  sets: ReadonlyArray<Migrations>,
  applied: ReadonlySet<string>,
): ReadonlyArray<readonly [name: string, migration: Migration]> | DatabaseRefused => {
  const refuse = (detail: string): DatabaseRefused => new DatabaseRefused({ reason: "migrations", detail });
  const seen = new Set<string>();
  const todo: Array<readonly [string, Migration]> = [];
  for (const set of sets) {
    const steps = Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1));
    let missing: string | undefined;
    for (const [name, migration] of steps) {
      const prefix = NAME.exec(name)?.[1];
      if (prefix === undefined) return refuse(`"${name}" is no name of a migration: it must be like event-log/0001`);
      if (!steps.every(([other]) => other.startsWith(`${prefix}/`))) {
        return refuse(`the set of "${name}" mixes names of several sets`);
      }
      if (seen.has(name)) return refuse(`"${name}" comes twice`);
      seen.add(name);
      if (!applied.has(name)) {
        missing ??= name;
        todo.push([name, migration]);
      } else if (missing !== undefined) {
        return refuse(
          `"${name}" was applied but "${missing}" before it was not: the database comes from another line of versions`,
        );
      }
    }
  }
  return todo; // what was applied and is unknown to us comes from a newer version, which keeps our version working
};

const appliedNames = async (db: Kysely<object>): Promise<ReadonlySet<string>> => {
  const { rows } = await sql<{ name: string }>`select name from migration`.execute(db);
  return new Set(rows.map((row) => row.name));
};

const applyMissing = async (
  db: Kysely<object>,
  sets: ReadonlyArray<Migrations>,
): Promise<DatabaseRefused | undefined> => {
  for (;;) {
    const done = await db.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATE_LOCK)})`.execute(trx);
      await sql`create table if not exists migration (
        name text primary key, applied_at timestamptz not null default now())`.execute(trx);
      const todo = plan(sets, await appliedNames(trx));
      if (todo instanceof DatabaseRefused) return todo;
      const [next] = todo;
      if (next === undefined) return "nothing left" as const;
      await sql`set local lock_timeout = ${sql.lit(DDL_LOCK_TIMEOUT_MS)}`.execute(trx);
      await next[1].up(trx);
      await sql`insert into migration (name) values (${next[0]})`.execute(trx);
      return "one more" as const;
    });
    if (done instanceof DatabaseRefused) return done;
    if (done === "nothing left") return undefined;
  }
};

/**
 * Brings the tables of all sets up to this version, in the order of the sets. Safe beside other processes that do the
 * same: each step is one transaction under one advisory lock. A step may take long, so it has a connection without
 * our time limits.
 */
export const migrate = (
  url: Redacted.Redacted<string>,
  sets: ReadonlyArray<Migrations>,
): Effect.Effect<void, DatabaseError | DatabaseRefused> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const pool = new pg.Pool({ ...clientConfig(url, "drayage migrate"), max: 1 });
      tolerateLoss(pool);
      return new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    }),
    (db) => Effect.tryPromise({ try: () => applyMissing(db, sets), catch: toDatabaseError("migrate") }),
    (db) => Effect.ignore(Effect.tryPromise(() => db.destroy())),
  ).pipe(Effect.flatMap((refused) => (refused === undefined ? Effect.void : Effect.fail(refused))));

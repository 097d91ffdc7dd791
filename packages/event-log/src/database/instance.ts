import { type Kysely, sql } from "kysely";
import { DatabaseRefused } from "./errors.ts";
import type { Migrations } from "./migrate.ts";

/** Tables of the database service itself. */
export const databaseMigrations: Migrations = {
  "database/0001": {
    up: async (db) => {
      // At most one row: its key can only be true.
      await sql`create table instance (
        only_one boolean primary key default true check (only_one),
        name text not null,
        created_at timestamptz not null default now())`.execute(db);
    },
  },
};

/** The first instance that comes names the database. Returns the name it has from then on. */
export const claimInstance = async (db: Kysely<object>, name: string): Promise<string | undefined> => {
  await sql`insert into instance (name) values (${name}) on conflict do nothing`.execute(db);
  return instanceOf(db);
};

/** The instance that the database belongs to, without writing. */
export const instanceOf = async (db: Kysely<object>): Promise<string | undefined> => {
  const { rows } = await sql<{ name: string }>`select name from instance`.execute(db);
  return rows[0]?.name;
};

/** Another instance's database is refused, so that two installations never mix. */
export const refuseOther = (held: string | undefined, wanted: string): DatabaseRefused | undefined => {
  if (held === wanted) return undefined;
  const whose = held === undefined ? "belongs to no instance yet" : `belongs to instance "${held}"`;
  const todo = held === undefined ? "start the instance first" : "use another database, or correct `instance`";
  const detail = `the database ${whose}, the configuration says "${wanted}": ${todo}`;
  return new DatabaseRefused({ reason: "other-instance", detail });
};

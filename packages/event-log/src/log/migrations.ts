import { sql } from "kysely";
import type { Migrations } from "../database/migrate.ts";
import { PAGE_FUNCTIONS } from "./page-functions.ts";
import { endOfPartition, makePartitions, PARTITION_POSITIONS } from "./partitions.ts";

/** Steps are never changed once they are released; new ones are added at the end and must let the version before run on. */
export const eventLogMigrations: Migrations = {
  "event-log/0001": {
    up: async (db) => {
      await sql`create sequence event_position as bigint`.execute(db);
      await sql`create table event (
        position bigint primary key,
        id uuid not null unique,
        type text not null,
        source text not null,
        subject text,
        time timestamptz not null,
        recorded_at timestamptz not null,
        actor text,
        causation_id text,
        correlation_id text,
        traceparent text,
        data jsonb not null)`.execute(db);
      // Readers of one rare type would else go through the whole log.
      await sql`create index event_type_position on event (type, position)`.execute(db);
      await sql`create table event_dedupe (
        hash bytea primary key,
        id uuid not null,
        position bigint not null,
        expires_at timestamptz not null)`.execute(db);
      await sql`create index event_dedupe_expires_at on event_dedupe (expires_at)`.execute(db);
      await sql`create table raw_notification (
        id uuid primary key,
        received_at timestamptz not null,
        registry text not null,
        headers jsonb not null,
        body bytea not null)`.execute(db);
      await sql`create index raw_notification_received_at on raw_notification (received_at)`.execute(db);
      await sql`create table checkpoint (
        subscriber text primary key,
        position bigint not null check (position >= 0),
        updated_at timestamptz not null default now())`.execute(db);
    },
  },
  // From one table to partitions, while the version before reads and appends: a bound for the table that is there, checked without a lock that
  // anybody waits for, and then a change of names.
  "event-log/0002": {
    up: async (db) => {
      const { rows } = await sql<{ last: number }>`select last_value as last from event_position`.execute(db);
      const bound = endOfPartition(rows[0]?.last ?? 1) + PARTITION_POSITIONS; // a whole partition to fill until we are through
      await sql
        .raw(`alter table event add constraint event_first_partition check (position < ${bound}) not valid`)
        .execute(db);
    },
  },
  "event-log/0003": {
    up: async (db) => void (await sql`alter table event validate constraint event_first_partition`.execute(db)),
  },
  "event-log/0004": {
    up: async (db) => {
      const { rows } = await sql<{ bound: string }>`
        select substring(pg_get_constraintdef(oid) from '[0-9]+') as bound from pg_constraint
        where conname = 'event_first_partition' and conrelid = 'event'::regclass`.execute(db);
      const bound = Number(rows[0]?.bound);
      for (const statement of [
        "alter table event rename to event_p0",
        // Ids are unique by what they are. An index on them was a quarter of an append, and one over all partitions there cannot be.
        "alter table event_p0 drop constraint event_id_key",
        "alter index event_pkey rename to event_p0_pkey",
        "alter index event_type_position rename to event_p0_type_position",
        "create table event (like event_p0 including defaults) partition by range (position)",
        "alter table event add primary key (position)",
        "create index event_type_position on event (type, position)",
        // The checked constraint spares the look at every row.
        `alter table event attach partition event_p0 for values from (minvalue) to (${bound})`,
        "alter table event_p0 drop constraint event_first_partition",
      ]) {
        await sql.raw(statement).execute(db);
      }
      await makePartitions(db, bound + PARTITION_POSITIONS);
      for (const statement of PAGE_FUNCTIONS) await sql.raw(statement).execute(db);
    },
  },
  "event-log/0005": {
    up: async (db) => {
      // What has left the log, and where it went.
      await sql`create table event_archive (
        from_position bigint primary key,
        to_position bigint not null,
        events bigint not null,
        file text not null,
        archived_at timestamptz not null default now())`.execute(db);
    },
  },
};

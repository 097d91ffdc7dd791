import { sql } from "kysely";
import type { Migrations } from "../database/migrate.ts";

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
};

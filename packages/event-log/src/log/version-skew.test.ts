/**
 * A rolling restart: while this version migrates and works, the version before goes on with its own statements. They are kept here word for word (release
 * 0.1.0, before partitions), since its code is gone.
 */
import { setTimeout } from "node:timers/promises";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Redacted from "effect/Redacted";
import * as Scope from "effect/Scope";
import pg from "pg";
import { expect, it } from "vitest";
import { databaseMigrations } from "../database/instance.ts";
import { layerDatabase } from "../database/layer.ts";
import { migrate } from "../database/migrate.ts";
import { createTestDatabase } from "../testing/test-server.ts";
import { newEventId } from "./event-id.ts";
import { EventLog } from "./event-log.ts";
import { eventLogMigrations } from "./migrations.ts";

const BEFORE = Object.fromEntries(Object.entries(eventLogMigrations).filter(([name]) => name === "event-log/0001"));

const APPEND = `
  with locked as materialized (select pg_advisory_xact_lock(1702258030)), kept as (
    insert into raw_notification (id, received_at, registry, headers, body)
    select * from unnest($12::uuid[], $13::timestamptz[], $14::text[], $15::jsonb[], $16::bytea[]) on conflict (id) do nothing),
  input as materialized (
    select nextval('event_position') as position, ordered.* from (
      select i.*, clock.at from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::text[]
      ) with ordinality as i (id, type, source, subject, time, actor, causation_id, correlation_id, traceparent, data, hash, ord),
      (select clock_timestamp() as at from locked) as clock
      order by ord
    ) as ordered
  ), remembered as (
    insert into event_dedupe (hash, id, position, expires_at)
    select decode(hash, 'hex'), id, position, at + make_interval(days => 7) from input where hash is not null
    on conflict (hash) do update set id = excluded.id, position = excluded.position, expires_at = excluded.expires_at
      where event_dedupe.expires_at <= clock_timestamp()
    returning id
  ), fresh as (
    insert into event
      (position, id, type, source, subject, time, recorded_at, actor, causation_id, correlation_id, traceparent, data)
    select position, id, type, source, subject, coalesce(time, at), at, actor, causation_id, correlation_id, traceparent, data
    from input where hash is null or id in (select id from remembered)
    returning id, position
  ), woken as materialized (select pg_notify('drayage_event', ''))
  select id, position from fresh, woken`;
const READ = `
  select page.* from unnest($2::text[]) as wanted (type) cross join lateral (
    select * from event
    where (event.type, event.position) > (wanted.type, $1::bigint) and event.type <= wanted.type
    order by event.type, event.position limit $3::int
  ) as page order by page.position limit $3::int`;
const READ_ALL = "select * from event where position > $1::bigint order by position limit $2::int";
const HEAD = "select coalesce(max(position), 0) as head from event";

/** What the version before does, on a connection of its own, until it is told to stop; each event that it appended is pushed to `appended`. */
const versionBefore = async (url: string, stop: AbortSignal, appended: Array<string>) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const seen: Array<string> = [];
  let after = 0;
  let times = 0;
  const read = async (): Promise<number> => {
    const text = times++ % 2 === 0 ? READ : READ_ALL;
    const { rows } = await client.query(text, text === READ ? [after, ["before", "now"], 100] : [after, 100]);
    seen.push(...rows.map((row) => String(row.id)));
    after = Number(rows.at(-1)?.position ?? after);
    return rows.length;
  };
  while (!stop.aborted) {
    const id = newEventId();
    const raw = [[newEventId()], ["2026-01-01T00:00:00Z"], ["lab"], ["{}"], [Buffer.from("body")]];
    const nulls = [null];
    const values = [
      [id],
      ["before"],
      ["s"],
      ["x"],
      nulls,
      nulls,
      nulls,
      nulls,
      nulls,
      ['{"a":1}'],
      [id.slice(-10).padStart(64, "0").replaceAll("-", "0")],
    ];
    await client.query(APPEND, [...values, ...raw]);
    appended.push(id);
    await read();
  }
  return async () => {
    while ((await read()) > 0);
    const { rows } = await client.query(HEAD).finally(() => client.end());
    return { seen, head: Number(rows[0].head) };
  };
};

it("the version before reads and appends while this one migrates, and beside it afterwards", {
  timeout: 60_000,
}, async () => {
  const database = await createTestDatabase();
  const scope = Scope.makeUnsafe();
  try {
    await Effect.runPromise(migrate(database.url, [databaseMigrations, BEFORE]));
    const stop = new AbortController();
    const old: Array<string> = [];
    const before = versionBefore(Redacted.value(database.url), stop.signal, old);
    /** Until it has appended this many more; sooner when it failed, which awaiting it will tell. */
    const appends = async (more: number): Promise<void> => {
      const wanted = old.length + more;
      while (old.length < wanted) await Promise.race([before, setTimeout(5)]);
    };
    await appends(10); // the log is in use, and not empty
    const now = Layer.provideMerge(
      EventLog.layer,
      layerDatabase({
        database: { _tag: "Server", url: database.url },
        instance: "test",
        migrations: [eventLogMigrations],
      }),
    );
    const context = await Effect.runPromise(Layer.buildWithScope(now, scope));
    const log = await Effect.runPromise(Effect.provide(Effect.service(EventLog), context));
    const ids: Array<string> = [];
    for (let n = 0; n < 100; n++) {
      const [one] = await Effect.runPromise(log.append([{ type: "now", source: "s", data: {}, dedupe: `now/${n}` }]));
      ids.push(one?.id ?? "");
    }
    await appends(1);
    stop.abort();
    const finish = await before;
    const stored = await Effect.runPromise(log.read({ after: 0, limit: 10_000 }));
    const order = stored.map(({ id }) => id);
    expect(new Set(order)).toEqual(new Set([...ids, ...old]));
    expect(order.indexOf(old[0] ?? "")).toBeLessThan(order.indexOf(ids[0] ?? ""));
    expect(order.indexOf(ids[0] ?? "")).toBeLessThan(order.indexOf(old.at(-1) ?? ""));
    const { seen, head } = await finish();
    expect(seen).toEqual(order);
    expect(head).toBe(stored.at(-1)?.position);
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await database.drop();
  }
});

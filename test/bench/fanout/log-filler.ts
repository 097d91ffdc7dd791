import type pg from "pg";

export interface Fill {
  /** Events that are told of pushes, after those that are there. */
  readonly events: number;
  /** So many different tags, in turn, over a twentieth as many repositories. */
  readonly names: number;
}

/** Appends by one statement, as ingest would have by many. Not for a log that anybody else appends to. */
export const fillLog = async (client: pg.Client, { events, names }: Fill): Promise<void> => {
  await client.query(
    `insert into event (position, id, type, source, subject, time, recorded_at, actor, correlation_id, data)
     select nextval('event_position'), gen_random_uuid(), 'io.drayage.image.pushed.v1', '/registries/source',
       'source/' || repository || ':' || tag, now(), clock_timestamp(), 'registry:source', gen_random_uuid()::text,
       jsonb_build_object('registry', 'source', 'repository', repository, 'tag', tag,
         'digest', 'sha256:' || encode(sha256(n::text::bytea), 'hex'))
     from (
       select n, 'team/image-' || (n % $2) / 20 as repository, 'v' || (n % $2) % 20 as tag
       from generate_series(1, $1::int) as n order by n
     ) as pushed`,
    [events, names],
  );
};

/** Deliveries of one target that wait, as a target that was down for long has them. */
export const fillBacklog = async (client: pg.Client, target: string, deliveries: number): Promise<void> => {
  await client.query(
    `insert into delivery (target, repository, tag, source_registry, source_repository, source_tag, route, requested, priority, requested_at, state)
     select $1, repository, tag, 'source', repository, tag, 'all', n, 100, now() - (n * interval '1 millisecond'), 'pending'
     from (select n, 'team/image-' || n / 20 as repository, 'v' || n % 20 as tag from generate_series(1, $2::int) as n) as waiting`,
    [target, deliveries],
  );
  await client.query("analyze delivery");
};

/** The next so many of a target, in the order in which they are claimed, are delivered. Nothing is swept. */
export const workThrough = async (client: pg.Client, target: string, deliveries: number): Promise<void> => {
  await client.query(
    `update delivery set state = 'idle', claimed = requested, done = requested where id in (
       select id from delivery where target = $1 and state = 'pending' and not waiting
       order by priority desc, requested_at, id limit $2)`,
    [target, deliveries],
  );
};

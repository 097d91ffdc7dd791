/**
 * A page of some types of events, read partition by partition until it is full, from one snapshot: a stable function sees what the statement that calls it
 * sees. Said over all partitions at once, PostgreSQL would open each of them for each type, at every wake of every subscriber, and more of
 * them the longer the log is.
 *
 * In a partition, the page is put together from one page of each type. The conditions say no more than `type = t and position > after`, in a form for
 * which only the index (type, position) gives the order. Said plainly, PostgreSQL believes that the types are spread evenly and goes through
 * the log by position: over all outcomes since the last push (measured: 166 ms behind 500,000 outcomes, against 0.1 ms so).
 */

/** What a direction differs in. */
interface Direction {
  readonly name: string;
  readonly order: "asc" | "desc";
  /** Of the row to the place where the page begins. */
  readonly beyond: ">" | "<";
  /** Keeps to one type. */
  readonly within: "<=" | ">=";
  /** Of a partition, by its bounds `low` and `high`: whether it holds anything beyond `place`. */
  readonly holds: string;
}

const FORWARD: Direction = { name: "event_page", order: "asc", beyond: ">", within: "<=", holds: "high > place + 1" };
const BACKWARD: Direction = {
  name: "event_page_backward",
  order: "desc",
  beyond: "<",
  within: ">=",
  holds: "low < place",
};

const create = ({ name, order, beyond, within, holds }: Direction): string => `
create or replace function ${name}(place bigint, wanted text[], most integer) returns setof event stable language plpgsql as $function$
declare
  part record;
  got integer;
begin
  for part in
    select bounds.name from (
      select c.oid::regclass::text as name, substring(c.relname from '[0-9]+$')::bigint as low,
        coalesce(lead(substring(c.relname from '[0-9]+$')::bigint) over (order by substring(c.relname from '[0-9]+$')::bigint),
          9223372036854775807) as high
      from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'event'::regclass
    ) as bounds where ${holds} order by low ${order}
  loop
    return query execute 'select page.* from unnest($1) as asked (type) cross join lateral (
        select * from ' || part.name || ' as event
        where (event.type, event.position) ${beyond} (asked.type, $2) and event.type ${within} asked.type
        order by event.type ${order}, event.position ${order} limit $3
      ) as page order by page.position ${order} limit $3'
      using wanted, place, most;
    get diagnostics got = row_count;
    most := most - got;
    exit when most <= 0;
  end loop;
end
$function$`;

/** Statements that make both functions, or make them anew. */
export const PAGE_FUNCTIONS: ReadonlyArray<string> = [FORWARD, BACKWARD].map(create);

import { BACKFILL_PRIORITY_MAX } from "@drayage/domain";
import { type QueryExecutorProvider, sql } from "kysely";

/** The books of one target in figures. */
export interface TargetSummary {
  readonly target: string;
  /** Pending and leased: what still has to be done. Without those that only wait for a second proof of absence, or for a signature. */
  readonly backlog: number;
  /** Of the backlog: being worked on now. */
  readonly leased: number;
  /** Of the backlog: failed at least once since the last success. */
  readonly failing: number;
  /** Of the backlog: what goes behind everything else. No lag. */
  readonly backfill: number;
  /** Waiting for a second proof of absence. */
  readonly confirming: number;
  /** Waiting for a signature that their route asks for. */
  readonly unsigned: number;
  readonly parked: number;
  /** Tags that another source wants as well. */
  readonly rivals: number;
  readonly owned: number;
  /** When the oldest request of the backlog was recorded, backfill left out; undefined: there is none. The lag is its age. */
  readonly oldestRequestAt?: Date | undefined;
  readonly lastSuccessAt?: Date | undefined;
}

/** One row for each target that ever had a delivery. Reads the whole table: for a scrape or a page, not for a loop. */
export const readTargets = async (db: QueryExecutorProvider): Promise<ReadonlyArray<TargetSummary>> => {
  const { rows } = await sql<Row>`
    with d as (
      select *, state in ('pending', 'leased') and not confirming and not unsigned as behind from (
        select *, state = 'pending' and absent_since is not null and due_at > now() as confirming,
          state = 'pending' and gate is not null and last_error is null and due_at > now() as unsigned from delivery) each
    )
    select target,
      (count(*) filter (where behind))::int as backlog,
      (count(*) filter (where state = 'leased'))::int as leased,
      (count(*) filter (where behind and last_error is not null))::int as failing,
      (count(*) filter (where behind and priority <= ${sql.lit(BACKFILL_PRIORITY_MAX)}))::int as backfill,
      (count(*) filter (where confirming))::int as confirming,
      (count(*) filter (where unsigned))::int as unsigned,
      (count(*) filter (where state = 'parked'))::int as parked,
      (count(*) filter (where rival is not null))::int as rivals,
      (count(*) filter (where held_digest is not null))::int as owned,
      min(requested_at) filter (where behind and priority > ${sql.lit(BACKFILL_PRIORITY_MAX)}) as oldest_request_at,
      max(last_success_at) as last_success_at
    from d group by target order by target`.execute(db);
  return rows.map(({ oldest_request_at, last_success_at, ...counts }) => ({
    ...counts,
    oldestRequestAt: oldest_request_at ?? undefined,
    lastSuccessAt: last_success_at ?? undefined,
  }));
};
interface Row {
  readonly target: string;
  readonly backlog: number;
  readonly leased: number;
  readonly failing: number;
  readonly backfill: number;
  readonly confirming: number;
  readonly unsigned: number;
  readonly parked: number;
  readonly rivals: number;
  readonly owned: number;
  readonly oldest_request_at: Date | null;
  readonly last_success_at: Date | null;
}

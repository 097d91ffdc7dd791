import type { ReplayRequest } from "@drayage/domain";
import { type QueryExecutorProvider, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { depthToNumber } from "./depth.ts";
import { asked } from "./upsert.ts";

/**
 * Asks again for every delivery that was asked for after a position, inside the caller's transaction: parked ones too, since it is a person
 * who asks. Returns how many. What is done meanwhile is not lost: like any request it is a position.
 */
export const replayWithin = async (
  trx: QueryExecutorProvider,
  requests: ReadonlyArray<ReplayRequest>,
): Promise<number> => {
  let count = 0;
  for (const { target, after, position, depth, requestedAt } of requests) {
    const at = sql`${requestedAt.toISOString()}::timestamptz`;
    const { rows } = await sql<{ count: number }>`
      with again as (
        update delivery d set ${asked(sql`${position}::bigint`, sql`${depthToNumber(depth)}::smallint`, at, sql`true`)}
        where d.target = ${target} and d.requested > ${after}::bigint and d.requested < ${position}::bigint
        returning 1)
      select count(*)::int as count from again`.execute(trx);
    count += rows[0]?.count ?? 0;
    await wakeTarget(trx, target);
  }
  return count;
};

import { checkGuard, type Guard, type WorkItem } from "@drayage/domain";
import { type QueryExecutorProvider, sql } from "kysely";
import type { DeletePermit } from "./bus.ts";
import { isCurrent } from "./lease.ts";
import { GUARD_WINDOW_MOST_MS } from "./limits.ts";
import { deletesOff } from "./restored.ts";

/**
 * The guard (DESIGN.md section 6), inside a transaction: counts under one lock of the target, so that workers who ask at the
 * same moment cannot pass the limit together. Undefined: the lease is lost, or lasts less than `neededMs`.
 */
export const permitWithin = async (
  trx: QueryExecutorProvider,
  guard: Guard,
  item: WorkItem,
  tags: number,
  neededMs: number,
): Promise<DeletePermit | undefined> => {
  // The lock before the lease: a wait for it must not use up the time that the lease is checked for.
  await sql`select pg_advisory_xact_lock(${sql.lit(GUARD_LOCK)}, hashtext(${item.target}))`.execute(trx);
  const { rows: current } = await sql`select 1 from delivery d where ${isCurrent(item, neededMs)}`.execute(trx);
  if (current.length === 0) return undefined;
  const off = await deletesOff(trx, item.target);
  if (off !== undefined) return { _tag: "Off", why: off };
  await sql`delete from deletion where target = ${item.target}
    and at < now() - ${GUARD_WINDOW_MOST_MS}::float8 * interval '1 millisecond'`.execute(trx);
  const { rows } = await sql<{ in_repository: number; at_target: number; held: number }>`
    select
      coalesce(sum(tags) filter (where repository = ${item.repository} and at > now() - ${guard.perRepository.within}::float8 * interval '1 millisecond'), 0)::float8 as in_repository,
      coalesce(sum(tags) filter (where at > now() - ${guard.perTarget.within}::float8 * interval '1 millisecond'), 0)::float8 as at_target,
      (select count(*) from delivery where target = ${item.target} and held_digest is not null)::float8 as held
    from deletion where target = ${item.target}`.execute(trx);
  const [counts] = rows;
  const verdict = checkGuard(
    guard,
    {
      repositoryDeleted: counts?.in_repository ?? 0,
      targetDeleted: counts?.at_target ?? 0,
      targetHeld: counts?.held ?? 0,
    },
    tags,
  );
  if (verdict._tag === "Granted") {
    await sql`insert into deletion (target, repository, tags) values (${item.target}, ${item.repository}, ${tags})`.execute(
      trx,
    );
  }
  return verdict;
};

/** First key of the guard's advisory locks, the second is the target: an arbitrary number, "guar" in ASCII. Never change it. */
const GUARD_LOCK = 0x67756172;

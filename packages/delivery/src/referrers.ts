import type { ReferrerRequest } from "@drayage/domain";
import { type QueryExecutorProvider, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { depthToNumber } from "./depth.ts";
import { asked } from "./upsert.ts";

/**
 * A signature, attestation or SBOM arrived at a source: the deliveries of `target` that hold its subject, as their top manifest
 * or below it, are asked for again one level deeper. Inside the caller's transaction.
 *
 * Without a subject (something was pushed that does not say what it is about), only what waits for a signature is asked for again.
 *
 * A delivery of the same source repository that is being worked on now is asked again too: its worker may have listed the
 * referrers a moment too early, and only its report will say what it holds.
 */
export const referrersWithin = async (
  trx: QueryExecutorProvider,
  target: string,
  requests: ReadonlyArray<ReferrerRequest>,
): Promise<number> => {
  if (requests.length === 0) return 0;
  const { rows } = await sql<{ id: string }>`
    with news as (
      select * from unnest(${requests.map((r) => r.registry)}::text[], ${requests.map((r) => r.repository)}::text[],
        ${requests.map((r) => r.subject ?? null)}::text[], ${requests.map((r) => r.position)}::bigint[],
        ${requests.map((r) => r.requestedAt.toISOString())}::timestamptz[]) as n (registry, repository, subject, position, at)
    ), found as (
      select d.id, n.* from news n join delivery d
        on d.target = ${target} and d.held_digest = n.subject
      union all
      select d.id, n.* from news n join delivery d
        on d.target = ${target} and d.manifests @> array[n.subject] and d.manifests <> '{}'
      union all
      select d.id, n.* from news n join delivery d
        on d.target = ${target} and d.state = 'leased' and (n.subject is not null or d.gate is not null)
      union all
      select d.id, n.* from news n join delivery d
        on d.target = ${target} and d.gate is not null and n.subject is null
    ), wanted as (
      select d.id, max(f.position) as position, min(f.at) as at
      from found f join delivery d on d.id = f.id
        and d.source_registry = f.registry and d.source_repository = f.repository
      where f.position > d.done
      group by d.id
    )
    update delivery d set ${asked(sql`w.position`, sql`${depthToNumber("referrers")}::smallint`, sql`w.at`, sql`true`)}
    from wanted w where d.id = w.id
    returning d.id::text as id`.execute(trx);
  if (rows.length > 0) await wakeTarget(trx, target);
  return rows.length;
};

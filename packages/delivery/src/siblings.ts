import type { WorkItem } from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, sql } from "kysely";
import type { Sibling } from "./bus.ts";
import { type SourceColumns, toRepository, toTag } from "./rows.ts";

/** One that is about to put the digest counts too: a deletion by digest would take it away. */
export const readSiblings = async (
  db: QueryExecutorProvider,
  item: WorkItem,
  digest: Digest,
): Promise<ReadonlyArray<Sibling>> => {
  const { rows } = await sql<SourceColumns & { id: string; tag: string; absent_since: Date | null }>`
    select d.id::text as id, d.tag, d.source_registry, d.source_repository, d.source_tag, d.absent_since
    from delivery d where d.target = ${item.target} and d.repository = ${item.repository}
      and d.id <> ${item.delivery}::bigint and (d.held_digest = ${digest} or ${digest} = any (d.intended))
    order by d.tag`.execute(db);
  return rows.map((row) => ({
    delivery: row.id,
    tag: toTag(row.tag),
    sourceRegistry: row.source_registry,
    sourceRepository: toRepository(row.source_repository),
    sourceTag: toTag(row.source_tag),
    absentSince: row.absent_since ?? undefined,
  }));
};

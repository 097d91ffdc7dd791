import type { SourceTag } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";
import { type QueryExecutorProvider, sql } from "kysely";

/** A tag at a target that was found equal to its source, and that nobody of us put there. */
export interface Adoption {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest;
  readonly source: SourceTag;
  readonly route: string;
}

/** Of a row that no event ever asked for; the first that does brings its own. */
const PRIORITY_OF_NOBODY = 0;

/**
 * Takes tags into our books as ours, and returns those that were free to take. A name is free when it is not in our books, or at rest in
 * them without anything held; whatever is under way decides for itself. Ownership is of this digest alone: should the target hold another one
 * by now, that one is not ours.
 */
export const adoptWithin = async (
  trx: QueryExecutorProvider,
  adoptions: ReadonlyArray<Adoption>,
): Promise<ReadonlyArray<Adoption>> => {
  if (adoptions.length === 0) return [];
  const { rows } = await sql<{ target: string; repository: string; tag: string }>`
    insert into delivery as d (target, repository, tag, source_registry, source_repository, source_tag, route,
      requested, priority, requested_at, state, held_digest, held_at)
    select asked.target, asked.repository, asked.tag, asked.source_registry, asked.source_repository, asked.source_tag,
      asked.route, 0, ${PRIORITY_OF_NOBODY}, now(), 'idle', asked.digest, now()
    from unnest(${adoptions.map((a) => a.target)}::text[], ${adoptions.map((a) => a.repository)}::text[],
      ${adoptions.map((a) => a.tag)}::text[], ${adoptions.map((a) => a.source.registry)}::text[],
      ${adoptions.map((a) => a.source.repository)}::text[], ${adoptions.map((a) => a.source.tag)}::text[],
      ${adoptions.map((a) => a.route)}::text[], ${adoptions.map((a) => a.digest)}::text[]
    ) as asked (target, repository, tag, source_registry, source_repository, source_tag, route, digest)
    order by asked.target, asked.repository, asked.tag
    on conflict (target, repository, tag) do update set
      source_registry = excluded.source_registry, source_repository = excluded.source_repository,
      source_tag = excluded.source_tag, route = excluded.route, held_digest = excluded.held_digest, held_at = now()
    where d.held_digest is null and d.intended = '{}' and d.state = 'idle'
    returning d.target, d.repository, d.tag`.execute(trx);
  const taken = new Set(rows.map(keyOf));
  return adoptions.filter((adoption) => taken.has(keyOf(adoption)));
};

const keyOf = (name: { readonly target: string; readonly repository: string; readonly tag: string }): string =>
  `${name.target}/${name.repository}:${name.tag}`;

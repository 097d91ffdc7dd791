import { type NameConflict, takeOverWithin } from "@drayage/delivery";
import { type CompiledRoutes, mapTag, type ReplicationParked, type SourceTag } from "@drayage/domain";
import type { Trx } from "@drayage/event-log";

/**
 * Two sources want one name at a target (DESIGN.md section 4.1): the first has it. When no route maps that first source to
 * the name any more, the second takes it over with all that is owned there. Else it is a conflict for a person: returned as an
 * event that names both, once for each new rival, to be appended by the caller.
 */
export const settleConflicts = async (
  trx: Trx,
  conflicts: ReadonlyArray<NameConflict>,
  routes: CompiledRoutes,
): Promise<ReadonlyArray<ReplicationParked>> => {
  const isWanted = ({ owner, rival }: NameConflict): boolean =>
    mapTag(routes, owner).some(
      (mapped) => mapped.target === rival.target && mapped.repository === rival.repository && mapped.tag === rival.tag,
    );
  const free = conflicts.filter((conflict) => !isWanted(conflict));
  await takeOverWithin(
    trx,
    free.map((conflict) => conflict.rival),
  );
  return conflicts.filter((conflict) => conflict.isNew && isWanted(conflict)).map(toEvent);
};

const toEvent = ({ owner, rival }: NameConflict): ReplicationParked => ({
  _tag: "ReplicationParked",
  target: rival.target,
  repository: rival.repository,
  tag: rival.tag,
  source: rival.source,
  route: rival.route,
  cause: rival.position,
  error: {
    side: "drayage",
    operation: "dispatch",
    reason: "rival-source",
    detail:
      `${rival.target}/${rival.repository}:${rival.tag} belongs to ${nameOf(owner)}, and route ${rival.route} maps ` +
      `${nameOf(rival.source)} to the same name: give one of them another name in routes.to`,
    retryable: false,
    attempt: 1,
  },
});

const nameOf = (source: SourceTag): string => `${source.registry}/${source.repository}:${source.tag}`;

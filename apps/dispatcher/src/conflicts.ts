import { type NameConflict, takeOverWithin } from "@drayage/delivery";
import { type CompiledRoutes, mapTag, type ReplicationParked, type SourceTag } from "@drayage/domain";
import type { Trx } from "@drayage/event-log";

/** What becomes of names that two sources want. */
export interface JudgedConflicts {
  /** No route maps the first source to the name any more: the second takes it over, with all that is owned there. */
  readonly free: ReadonlyArray<NameConflict>;
  /** A conflict for a person: an event that names both, once for each new rival. */
  readonly parked: ReadonlyArray<ReplicationParked>;
}

/** Two sources want one name at a target (DESIGN.md section 4.1): the first has it. Pure. */
export const judgeConflicts = (conflicts: ReadonlyArray<NameConflict>, routes: CompiledRoutes): JudgedConflicts => {
  const isWanted = ({ owner, rival }: NameConflict): boolean =>
    mapTag(routes, owner).some(
      (mapped) => mapped.target === rival.target && mapped.repository === rival.repository && mapped.tag === rival.tag,
    );
  return {
    free: conflicts.filter((conflict) => !isWanted(conflict)),
    parked: conflicts.filter((conflict) => conflict.isNew && isWanted(conflict)).map(toEvent),
  };
};

/** Writes the take-overs; returns the events, to be appended by the caller. */
export const settleConflicts = async (
  trx: Trx,
  conflicts: ReadonlyArray<NameConflict>,
  routes: CompiledRoutes,
): Promise<ReadonlyArray<ReplicationParked>> => {
  const { free, parked } = judgeConflicts(conflicts, routes);
  await takeOverWithin(
    trx,
    free.map((conflict) => conflict.rival),
  );
  return parked;
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

import type { BytesPlace, WorkItem, WorkPolicy } from "./delivery.ts";
import { type CompiledRoute, type CompiledRoutes, mapTag, mapTo } from "./select.ts";

type Delivered = Pick<WorkItem, "route" | "source" | "target" | "repository" | "tag">;

/** The rules by which a worker acts on one delivery. Undefined: its route is not in the configuration any more. */
export const workPolicyOf = (compiled: CompiledRoutes, item: Delivered): WorkPolicy | undefined => {
  const found = compiled.byName.get(item.route);
  if (found === undefined) return undefined;
  const { from: _from, select: _select, to: _to, priority: _priority, ...rules } = found.route;
  const bytesFrom = placesOf(compiled, found, item);
  return bytesFrom.length === 0 ? rules : { ...rules, bytesFrom };
};

/**
 * Where nearer registries hold this image: under the name that the routes give the same source tag there, the first of them. One that none of
 * them brings this tag to is left out, since it would be asked in vain.
 */
const placesOf = (compiled: CompiledRoutes, route: CompiledRoute, item: Delivered): ReadonlyArray<BytesPlace> => {
  const near = nearOf(route, item);
  if (near.length === 0) return [];
  const mapped = mapTag(compiled, item.source);
  return near.flatMap((registry) => {
    const there = mapped.find(({ target }) => target === registry);
    return there === undefined ? [] : [{ registry, repository: there.repository }];
  });
};

/** What the entry of `to` says by which the route gives this name. */
const nearOf = (route: CompiledRoute, { source, target, repository, tag }: Delivered): ReadonlyArray<string> =>
  route.targets.find((to) => {
    if (to.target.registry !== target || to.target.bytesFrom === undefined) return false;
    const mapping = mapTo(route, to, source);
    return mapping._tag === "Mapped" && mapping.mapped.repository === repository && mapping.mapped.tag === tag;
  })?.target.bytesFrom ?? [];

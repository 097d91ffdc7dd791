import type { Finding } from "./problem.ts";
import type { FoundIn, RouteAt } from "./semantics.ts";

/**
 * Nearer registries that could give no bytes: the target itself, the source anywhere but last, and those that no route brings the images to, since nobody could tell
 * their names there. For all routes of the configuration, each of them sound by itself.
 */
export const checkBytesFrom = <File>(routes: ReadonlyArray<RouteAt<File>>): ReadonlyArray<FoundIn<File>> => {
  const fed = new Map<string, Set<string>>();
  for (const { route } of routes) {
    const targets = fed.get(route.from) ?? new Set();
    for (const { registry } of route.to) targets.add(registry);
    fed.set(route.from, targets);
  }
  return routes.flatMap(({ file, path, route }) =>
    route.to.flatMap(({ registry, bytesFrom = [] }, index) =>
      bytesFrom.flatMap((near, at): ReadonlyArray<FoundIn<File>> => {
        const wrong = problemOf(near, {
          from: route.from,
          target: registry,
          earlier: bytesFrom.slice(0, at),
          isLast: at === bytesFrom.length - 1,
          isFed: fed.get(route.from)?.has(near) === true,
        });
        const finding = wrong && { ...wrong, path: [...path, "to", index, "bytesFrom", at] };
        return finding === undefined ? [] : [{ file, finding }];
      }),
    ),
  );
};

interface Near {
  readonly from: string;
  readonly target: string;
  readonly earlier: ReadonlyArray<string>;
  readonly isLast: boolean;
  readonly isFed: boolean;
}
const problemOf = (near: string, { from, target, earlier, isLast, isFed }: Near): Omit<Finding, "path"> | undefined => {
  // Last it says only what holds anyway.
  if (near === from && isLast) return undefined;
  if (near === from)
    return { message: `${near} is the source of this route`, mend: "Put it last: it gives what no other one gave" };
  if (near === target)
    return { message: `${near} is the target itself`, mend: "Remove it: what the target holds is never sent to it" };
  if (earlier.includes(near)) return { message: `${near} is named twice`, mend: "Remove one of them" };
  if (isFed) return undefined;
  return {
    message: `no route goes from ${from} to ${near}, so the names of its images there are not known`,
    mend: `Add ${near} to \`to\` of a route from ${from}, or remove it here`,
  };
};

import type { DeliveryRequest, SourceTag } from "@drayage/domain";
import { depthToNumber } from "./depth.ts";

export const nameOf = (request: Pick<DeliveryRequest, "target" | "repository" | "tag">): string =>
  `${request.target}\n${request.repository}\n${request.tag}`;
export const sameSource = (a: SourceTag, b: SourceTag): boolean =>
  a.registry === b.registry && a.repository === b.repository && a.tag === b.tag;

/**
 * Many requests for one name become one: newest position and route, deepest depth, highest priority, oldest time, and news if
 * one of them is. Returned as waves in which each name occurs once: a second wave exists only where two sources want one name,
 * and is asked after the first, so that which of them has the name is decided in one place (`upsert.ts`). Each wave is
 * sorted by name, so that two writers lock rows in the same order.
 */
export const coalesce = (requests: ReadonlyArray<DeliveryRequest>): ReadonlyArray<ReadonlyArray<DeliveryRequest>> => {
  const waves: Array<Map<string, DeliveryRequest>> = [];
  for (const request of requests.toSorted((a, b) => a.position - b.position)) {
    const name = nameOf(request);
    const wave = waves.find((each) => {
      const earlier = each.get(name);
      return earlier === undefined || sameSource(earlier.source, request.source);
    });
    const earlier = wave?.get(name);
    if (wave === undefined) waves.push(new Map([[name, request]]));
    else wave.set(name, earlier === undefined ? request : merge(earlier, request));
  }
  return waves.map((wave) => [...wave].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, request]) => request));
};

const merge = (earlier: DeliveryRequest, later: DeliveryRequest): DeliveryRequest => ({
  ...later,
  depth: depthToNumber(earlier.depth) > depthToNumber(later.depth) ? earlier.depth : later.depth,
  priority: Math.max(earlier.priority, later.priority),
  requestedAt: new Date(Math.min(earlier.requestedAt.getTime(), later.requestedAt.getTime())),
  wakesParked: earlier.wakesParked || later.wakesParked,
});

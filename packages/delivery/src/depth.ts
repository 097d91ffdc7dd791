import type { Depth } from "@drayage/domain";

const DEPTHS = ["tag", "referrers", "deep"] as const satisfies ReadonlyArray<Depth>;

/** Depths as the database stores them: a deeper one is a larger number, so that the deepest of several is their greatest. */
export const depthToNumber = (depth: Depth): number => DEPTHS.indexOf(depth);
export const depthOf = (stored: number): Depth => {
  const depth = DEPTHS[stored];
  if (depth === undefined) throw new RangeError(`delivery.depth is ${stored}: not one of 0, 1, 2`);
  return depth;
};

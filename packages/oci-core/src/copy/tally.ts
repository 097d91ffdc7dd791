import type { Digest } from "../model/brand.ts";
import type { WayCount } from "./copier.ts";

/** How a blob came to be at the target. */
export type Way = keyof WayCount;

/** What one copy has done so far. */
export interface Tally {
  /** Counts a blob once, by the dearest way it took: one that was skipped and then had to be sent was sent. */
  readonly blob: (digest: Digest, size: number, way: Way) => void;
  /** Something of the target was changed. */
  readonly changed: () => void;
  readonly isChanged: () => boolean;
  readonly blobs: () => WayCount;
  readonly bytes: () => WayCount;
}

const COST: Readonly<Record<Way, number>> = { present: 0, mounted: 1, copied: 2 };

export const makeTally = (): Tally => {
  const seen = new Map<Digest, { readonly size: number; readonly way: Way }>();
  let changed = false;
  const sum = (amount: (size: number) => number): WayCount => {
    const total = { copied: 0, mounted: 0, present: 0 };
    for (const { size, way } of seen.values()) total[way] += amount(size);
    return total;
  };
  return {
    blob: (digest, size, way) => {
      const before = seen.get(digest);
      if (before === undefined || COST[way] > COST[before.way]) seen.set(digest, { size, way });
      if (way !== "present") changed = true;
    },
    changed: () => {
      changed = true;
    },
    isChanged: () => changed,
    blobs: () => sum(() => 1),
    bytes: () => sum((size) => size),
  };
};

import { PATIENT_SHARE } from "./limits.ts";

/** Counts the items that a process has taken of each target, and says when it is the turn of what waits at lower priorities. */
export interface Patience {
  /** How many of the next `limit` items are for lower priorities. */
  readonly places: (target: string, limit: number) => number;
  readonly took: (target: string, items: number) => void;
}

export const makePatience = (): Patience => {
  const taken = new Map<string, number>();
  return {
    places: (target, limit) => Math.min(Math.floor((taken.get(target) ?? 0) / PATIENT_SHARE), Math.max(0, limit)),
    // The rest counts on; what could have been given was, or nothing of lower priority was waiting.
    took: (target, items) => void taken.set(target, ((taken.get(target) ?? 0) % PATIENT_SHARE) + items),
  };
};

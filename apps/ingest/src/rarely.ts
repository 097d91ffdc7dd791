/** Lets something happen at most once in `everyMs` for each key, and counts what it held back. */
export interface Rarely {
  /** How many were held back since the last time, when this one may happen; `undefined` when it may not. */
  readonly now: (key: string, nowMs: number) => number | undefined;
}

/** Keys are names from the configuration and words of ours; were they ever not, memory must not grow by them. */
const KEYS_MAX = 1000;

export const rarely = (everyMs: number): Rarely => {
  const seen = new Map<string, { last: number; held: number }>();
  return {
    now: (key, nowMs) => {
      const before = seen.get(key);
      if (before !== undefined && nowMs - before.last < everyMs) {
        before.held++;
        return undefined;
      }
      if (before === undefined && seen.size >= KEYS_MAX) return undefined;
      seen.set(key, { last: nowMs, held: 0 });
      return before?.held ?? 0;
    },
  };
};

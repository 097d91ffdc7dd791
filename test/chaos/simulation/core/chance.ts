/** Chance from a seed: the same seed gives the same draws on every machine, for ever. */
export interface Chance {
  /** In [0, 1). */
  readonly next: () => number;
  /** Whole, from `least` to `most`, both included. */
  readonly between: (least: number, most: number) => number;
  /** True with this probability. */
  readonly happens: (probability: number) => boolean;
  readonly pick: <A>(list: readonly [A, ...ReadonlyArray<A>]) => A;
  /** One of a list that may be empty. */
  readonly any: <A>(list: ReadonlyArray<A>) => A | undefined;
  /** Draws of its own, so that one more draw here does not change what is drawn there. */
  readonly branch: () => Chance;
}

/** mulberry32: 32 bits of state are plenty for schedules of some thousand draws. */
export const chanceOf = (seed: number): Chance => {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  // The first draws of neighbouring seeds are alike.
  for (let n = 0; n < 8; n += 1) next();
  return {
    next,
    between,
    happens: (probability) => next() < probability,
    pick: (list) => list[between(0, list.length - 1)] ?? list[0],
    any: (list) => list[between(0, list.length - 1)],
    branch: () => chanceOf(Math.floor(next() * 2 ** 32)),
  };
};

import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";

/** A number of places for each key; whoever finds none waits. */
export interface Gates {
  readonly pass: <A, E>(key: string, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>;
}

/** Keys are names of registries: there are few, and they are kept. */
export const makeGates = (places: number): Gates => {
  const gates = new Map<string, Semaphore.Semaphore>();
  return {
    pass: (key, effect) =>
      Effect.suspend(() => {
        const gate = gates.get(key) ?? Semaphore.makeUnsafe(places);
        gates.set(key, gate);
        return Semaphore.withPermit(gate, effect);
      }),
  };
};

import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";

/** One at a time for each key. */
export interface Turns {
  readonly take: <A, E>(key: string, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>;
}

/** A key is forgotten when nobody holds it or waits for it. */
export const makeTurns = (): Turns => {
  const turns = new Map<string, { readonly gate: Semaphore.Semaphore; users: number }>();
  return {
    take: (key, effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const turn = turns.get(key) ?? { gate: Semaphore.makeUnsafe(1), users: 0 };
          turn.users += 1;
          turns.set(key, turn);
          return turn;
        }),
        (turn) => Semaphore.withPermit(turn.gate, effect),
        (turn) =>
          Effect.sync(() => {
            turn.users -= 1;
            if (turn.users === 0) turns.delete(key);
          }),
      ),
  };
};

import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";

/** What to do in each case of meeting a move that somebody else has begun. */
export interface Flight<A, E> {
  /** Nobody is at it: do it, while the others wait. */
  readonly lead: Effect.Effect<A, E>;
  /** Somebody has just done it. */
  readonly landed: Effect.Effect<A, E>;
  /** Somebody is still at it after `waitMs`: help yourself. */
  readonly late: Effect.Effect<A, E>;
  readonly waitMs: number;
}

/** Lets one of several that want the same thing do it. */
export interface SingleFlight {
  readonly run: <A, E>(key: string, flight: Flight<A, E>) => Effect.Effect<A, E>;
}

/**
 * When a leader fails or is interrupted, one of those who wait leads next with its own means: a blob that one source
 * cannot give may come from another. Nobody waits longer than `waitMs` in all.
 */
export const makeSingleFlight = (): SingleFlight => {
  const flights = new Map<string, Deferred.Deferred<boolean>>();

  /** `None`: somebody else registered first. Looking and registering is one step, so two fibers cannot both lead. */
  const lead = <A, E>(key: string, move: Effect.Effect<A, E>): Effect.Effect<Option.Option<A>, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        if (flights.has(key)) return undefined;
        const landing = Deferred.makeUnsafe<boolean>();
        flights.set(key, landing);
        return landing;
      }),
      (landing) => (landing === undefined ? Effect.succeedNone : Effect.asSome(move)),
      (landing, exit) =>
        Effect.suspend(() => {
          if (landing === undefined) return Effect.void;
          flights.delete(key);
          return Deferred.succeed(landing, exit._tag === "Success");
        }),
    );

  const run = Effect.fnUntraced(function* <A, E>(key: string, flight: Flight<A, E>) {
    let deadline: number | undefined;
    for (;;) {
      const landing = flights.get(key);
      if (landing === undefined) {
        const done = yield* lead(key, flight.lead);
        if (Option.isSome(done)) return done.value;
        continue;
      }
      const now = yield* Clock.currentTimeMillis;
      deadline ??= now + flight.waitMs;
      const landed = yield* Deferred.await(landing).pipe(Effect.timeoutOption(Math.max(0, deadline - now)));
      if (Option.isNone(landed)) return yield* flight.late;
      if (landed.value) return yield* flight.landed;
    }
  });
  return { run };
};

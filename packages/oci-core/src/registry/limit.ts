import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import type { RegistryError } from "./errors.ts";
import { Pace } from "./pace.ts";

/** How many requests of one registry are in flight, and how fast they start; shared by all copies. */
export interface Limiter {
  /** Runs one request: waits for a permit and for its turn, and learns from a 429. */
  readonly run: <A>(request: Effect.Effect<A, RegistryError>) => Effect.Effect<A, RegistryError>;
  /**
   * The same for a request whose body is read later: the permit is held until `release` of the result's owner is called.
   * A failed or interrupted request has released it already.
   */
  readonly runHeld: <A>(
    request: (release: () => void) => Effect.Effect<A, RegistryError>,
  ) => Effect.Effect<A, RegistryError>;
}

/**
 * A copy inside one registry reads and writes at the same time. If reads could take every permit, all of them would wait for
 * uploads that wait for a permit: so one permit is never given to a read, and a concurrency of 1 means one read and one other request.
 */
const CONCURRENCY_MIN = 2;

/**
 * `concurrency`: requests in flight, at least 2. `requestsPerSecond`: a token bucket, or none until the registry throttles. `pace`: one that
 * several registries share; turns are given in the order in which they are asked for, and none can ask for more than its own concurrency at once.
 */
export const makeLimiter = (
  concurrency: number,
  requestsPerSecond: number | undefined,
  pace = new Pace(requestsPerSecond),
): Limiter => {
  const permits = Math.max(CONCURRENCY_MIN, Math.floor(concurrency));
  const all = Semaphore.makeUnsafe(permits);
  const reads = Semaphore.makeUnsafe(permits - 1);

  const turn = Effect.suspend(() => wait(pace.reserve(performance.now())));
  const wait = (ms: number): Effect.Effect<void> =>
    ms <= 0
      ? Effect.void
      : Effect.andThen(
          Effect.sleep(ms),
          Effect.suspend(() => wait(pace.pause(performance.now()))),
        );
  const learn = (error: RegistryError): Effect.Effect<void> =>
    Effect.sync(() => {
      if (error.reason === "rate-limited") pace.throttled(performance.now(), error.retryAfterMs);
    });
  const paced = <A>(request: Effect.Effect<A, RegistryError>): Effect.Effect<A, RegistryError> =>
    Effect.tapError(Effect.andThen(turn, request), learn);

  return {
    run: (request) => all.withPermit(paced(request)),
    runHeld: (request) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const run = Effect.runSyncWith(yield* Effect.context<never>());
          yield* restore(reads.take(1));
          yield* Effect.onError(restore(all.take(1)), () => reads.release(1));
          let held = true;
          const release = (): void => {
            if (!held) return;
            held = false;
            run(Effect.andThen(all.release(1), reads.release(1)));
          };
          return yield* Effect.onError(restore(paced(Effect.suspend(() => request(release)))), () =>
            Effect.sync(release),
          );
        }),
      ),
  };
};

import * as Effect from "effect/Effect";
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
  /**
   * What both are made of, for those who send without an effect for each step: `start` is called once there is a permit and it is our turn, at once
   * where nothing is in the way. The answer, to be called in any case, gives the permit back, or the place among those who wait. `read`: the permit
   * is held by a body.
   */
  readonly enter: (kind: "request" | "read", start: () => void) => () => void;
  /** Learns from an error of a request that entered. */
  readonly failed: (error: RegistryError) => void;
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
  const all = new Permits(permits);
  const reads = new Permits(permits - 1);

  const enter: Limiter["enter"] = (kind, start) => {
    const held: Permits[] = [];
    let hasLeft = false;
    let stopWaiting: (() => void) | undefined;
    const take = (permitsOf: Permits, next: () => void): void => {
      const go = (): void => {
        stopWaiting = undefined;
        held.push(permitsOf);
        next();
      };
      if (permitsOf.take()) go();
      else stopWaiting = permitsOf.wait(go);
    };
    const wait = (ms: number): void => {
      if (ms <= 0) {
        start();
        return;
      }
      const timer = setTimeout(() => {
        stopWaiting = undefined;
        wait(pace.pause(performance.now()));
      }, ms);
      stopWaiting = () => clearTimeout(timer);
    };
    const takeAny = (): void => take(all, () => wait(pace.reserve(performance.now())));
    if (kind === "read") take(reads, takeAny);
    else takeAny();
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      stopWaiting?.();
      for (const permitsOf of held) permitsOf.give();
    };
  };

  const failed = (error: RegistryError): void => {
    if (error.reason === "rate-limited") pace.throttled(performance.now(), error.retryAfterMs);
  };

  /** Enters, then runs `use`; `leave` gives the permit back at any time. */
  const entered = <A>(
    kind: "request" | "read",
    use: (leave: () => void) => Effect.Effect<A, RegistryError>,
    ended: (effect: Effect.Effect<A, RegistryError>, leave: Effect.Effect<void>) => Effect.Effect<A, RegistryError>,
  ): Effect.Effect<A, RegistryError> =>
    Effect.suspend(() => {
      let give: (() => void) | undefined;
      const leave = (): void => give?.();
      const place = Effect.callback<void>((resume) => {
        give = enter(kind, () => resume(Effect.void));
      });
      const request = Effect.tapError(use(leave), (error) => Effect.sync(() => failed(error)));
      return ended(Effect.andThen(place, request), Effect.sync(leave));
    });

  return {
    enter,
    failed,
    run: (request) =>
      entered(
        "request",
        () => request,
        (effect, leave) => Effect.ensuring(effect, leave),
      ),
    runHeld: (request) =>
      Effect.uninterruptibleMask((restore) =>
        entered("read", request, (effect, leave) => Effect.onError(restore(effect), () => leave)),
      ),
  };
};

/** A number of permits; whoever finds none waits, the first first. */
class Permits {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  take(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** `go` is called with the permit taken, unless the answer was called before. */
  wait(go: () => void): () => void {
    this.#waiting.add(go);
    return () => this.#waiting.delete(go);
  }

  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}

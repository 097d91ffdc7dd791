import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { expect, it } from "vitest";
import { RegistryError } from "./errors.ts";
import { makeLimiter } from "./limit.ts";
import { delayMs, retried } from "./retry.ts";

const error = (reason: RegistryError["reason"], retryAfterMs?: number): RegistryError =>
  new RegistryError({ registry: "lab", operation: "GET x", reference: "y", reason, detail: "", retryAfterMs });

/** Counts how many run at once. */
const gauge = () => {
  let running = 0;
  let most = 0;
  const enter = Effect.sync(() => {
    running++;
    most = Math.max(most, running);
  });
  const leave = Effect.sync(() => {
    running--;
  });
  return {
    use: Effect.acquireUseRelease(
      enter,
      () => Effect.yieldNow,
      () => leave,
    ),
    most: () => most,
  };
};

it("no more requests at once than the permits", async () => {
  const limiter = makeLimiter(4, undefined);
  const { use, most } = gauge();
  await Effect.runPromise(
    Effect.forEach(Array.from({ length: 50 }), () => limiter.run(use), { concurrency: "unbounded" }),
  );
  expect(most()).toBe(4);
});

it("a held read keeps its permit until it is released, once", async () => {
  const limiter = makeLimiter(3, undefined);
  const program = Effect.gen(function* () {
    const release = yield* limiter.runHeld((done) => Effect.succeed(done));
    yield* limiter.runHeld(() => Effect.void);
    const third = yield* Effect.forkChild(
      limiter.runHeld(() => Effect.succeed("read")),
      { startImmediately: true },
    );
    yield* Effect.yieldNow;
    const waiting = third.pollUnsafe() === undefined;
    release();
    release();
    return [waiting, yield* Fiber.join(third)];
  });
  expect(await Effect.runPromise(program)).toEqual([true, "read"]);
});

it("reads never take the last permit, so that a copy within one registry cannot wait for itself", async () => {
  const limiter = makeLimiter(1, undefined);
  const program = Effect.andThen(
    limiter.runHeld(() => Effect.void),
    limiter.run(Effect.succeed("uploaded")),
  );
  expect(await Effect.runPromise(program)).toBe("uploaded");
});

it("a read that fails or is interrupted gives its permits back", async () => {
  const limiter = makeLimiter(2, undefined);
  const program = Effect.gen(function* () {
    yield* Effect.ignore(limiter.runHeld(() => Effect.fail(error("network"))));
    const started = yield* Deferred.make<void>();
    const fiber = yield* Effect.forkChild(
      limiter.runHeld(() => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)),
    );
    yield* Deferred.await(started);
    yield* Fiber.interrupt(fiber);
    return yield* limiter.runHeld(() => Effect.succeed("free"));
  });
  expect(await Effect.runPromise(program)).toBe("free");
});

it("who is interrupted while waiting takes no permit, and the others keep their order", async () => {
  const limiter = makeLimiter(2, undefined);
  const done: string[] = [];
  const program = Effect.gen(function* () {
    const leave = [limiter.enter("request", () => {}), limiter.enter("request", () => {})];
    const waiting = (name: string) =>
      Effect.forkChild(limiter.run(Effect.sync(() => void done.push(name))), { startImmediately: true });
    const first = yield* waiting("first");
    const others = [yield* waiting("second"), yield* waiting("third")];
    yield* Fiber.interrupt(first);
    for (const one of leave) one();
    yield* Fiber.joinAll(others);
    // Both permits are back.
    let entered = 0;
    for (const one of [1, 2, 3]) limiter.enter("request", () => (entered += Math.sign(one)));
    return entered;
  });
  expect(await Effect.runPromise(program)).toBe(2);
  expect(done).toEqual(["second", "third"]);
});

it("who gives a place up while it waits for its turn is never started", async () => {
  const limiter = makeLimiter(2, 20);
  let started = 0;
  let entered = 0;
  // As many as may start at once, and one that has to wait, each given up.
  do {
    entered += 1;
    limiter.enter("request", () => {
      started += 1;
    })();
  } while (started === entered);
  await new Promise<void>((resolve) => limiter.enter("request", resolve));
  expect(started).toBe(entered - 1);
});

it("only hiccups are repeated, three times in all", async () => {
  const tries = async (reason: RegistryError["reason"]): Promise<number> => {
    let count = 0;
    const request = Effect.suspend(() => {
      count++;
      return Effect.fail(error(reason, 0));
    });
    await Effect.runPromise(Effect.ignore(retried(request)));
    return count;
  };
  expect(await tries("unavailable")).toBe(3);
  for (const reason of [
    "denied",
    "not-found",
    "digest-mismatch",
    "invalid-response",
    "upload-lost",
    "content-missing",
  ] as const)
    expect(await tries(reason)).toBe(1);
});

it.each([
  [error("unavailable"), 1, 0.5, 250],
  [error("unavailable"), 2, 0.5, 500],
  [error("unavailable"), 3, 0.5, undefined],
  [error("rate-limited", 2000), 1, 0.5, 2250],
  [error("rate-limited", 60_000), 1, 0, 60_000],
  [error("rate-limited", 60_001), 1, 0, undefined],
  [error("denied"), 1, 0.5, undefined],
])("%s, try %i: the wait is bounded and never shorter than asked", (failed, number, random, expected) => {
  expect(delayMs(failed, number, 3, random)).toBe(expected);
});

import { describe, it } from "@effect/vitest";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as TestClock from "effect/testing/TestClock";
import { expect } from "vitest";
import { untilDone } from "./again.ts";
import { onCron } from "./schedule.ts";

const MINUTE = 60_000;

describe("a cron pattern", () => {
  it.effect("runs at its times, with jitter that never makes one run two", () =>
    Effect.gen(function* () {
      let runs = 0;
      yield* Effect.forkChild(onCron("*/10 * * * *", Effect.sync(() => ++runs).pipe(Effect.asVoid)));
      yield* TestClock.adjust(9 * MINUTE);
      expect(runs).toBe(0);
      // Jitter is at most a minute.
      yield* TestClock.adjust(2 * MINUTE);
      expect(runs).toBe(1);
      yield* TestClock.adjust(24 * 60 * MINUTE);
      expect(runs).toBe(1 + 24 * 6);
    }),
  );

  it.effect("a run that takes longer than the time between two leaves out what it passes (F16)", () =>
    Effect.gen(function* () {
      let running = 0;
      let most = 0;
      let runs = 0;
      const job = Effect.gen(function* () {
        runs += 1;
        most = Math.max(most, ++running);
        yield* Effect.sleep(25 * MINUTE);
        running -= 1;
      });
      yield* Effect.forkChild(onCron("*/10 * * * *", job));
      yield* TestClock.adjust(120 * MINUTE);
      expect(most).toBe(1);
      // One begins at 10, ends at 35, the next begins at 40, and so on.
      expect(runs).toBe(4);
    }),
  );

  it.effect("a pattern without a next time waits for ever", () =>
    Effect.gen(function* () {
      let runs = 0;
      yield* Effect.forkChild(onCron("0 0 30 2 *", Effect.sync(() => ++runs).pipe(Effect.asVoid)));
      yield* TestClock.adjust(366 * 24 * 60 * MINUTE);
      expect(runs).toBe(0);
    }),
  );
});

describe("until it is done", () => {
  it.effect("waits twice as long each time, and never longer than a quarter of an hour", () =>
    Effect.gen(function* () {
      const at: Array<number> = [];
      const attempt = Effect.map(Clock.currentTimeMillis, (now) => at.push(now / 1_000) === 12);
      const fiber = yield* Effect.forkChild(untilDone(attempt));
      yield* TestClock.adjust(120 * MINUTE);
      yield* Fiber.join(fiber);
      expect(at.map((time, n) => time - (at[n - 1] ?? 0))).toEqual([
        0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900,
      ]);
    }),
  );
});

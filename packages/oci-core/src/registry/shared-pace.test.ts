import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { sharedPace } from "./shared-pace.ts";

describe("a shared pace", () => {
  it("is one for all of a quota, slows all of them, and is forgotten with the last", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const first = yield* Effect.scoped(
          Effect.gen(function* () {
            const [one, two] = [yield* sharedPace("quota", 100), yield* sharedPace("quota", 100)];
            expect(two).toBe(one);
            expect(yield* sharedPace("another", 100)).not.toBe(one);
            two.throttled(0, 5000);
            expect(one.rate).toBe(50);
            expect(one.pause(1000)).toBe(4000);
            return one;
          }),
        );
        expect(yield* Effect.scoped(sharedPace("quota", 100))).not.toBe(first);
      }),
    ));
});

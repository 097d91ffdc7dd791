import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { afterAll, describe, expect } from "vitest";
import { copyWithTrouble, nameOf, SCENARIOS, type Struck, TROUBLES } from "./every-fault.test-support.ts";

/** Cases at once: most of the time is a client that waits before it tries again. */
const AT_ONCE = 48;
/** Fewer would mean that a scenario, a trouble or a side was not run. */
const CASES_MIN = 2000;

describe("every trouble at each request in turn", () => {
  let cases = 0;

  describe.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))("%s", (_name, scenario) => {
    const sides: ReadonlyArray<Struck> = [
      "source",
      "target",
      ...(scenario.nearer === undefined ? [] : ["nearer" as const]),
    ];
    it.live.each(TROUBLES.map((trouble) => [nameOf(trouble), trouble] as const))(
      "%s: the copy ends right or with a typed error, and the target never shows a half image",
      ([, trouble]) =>
        Effect.gen(function* () {
          for (const struck of sides) {
            const requests = yield* copyWithTrouble(scenario, struck, Number.POSITIVE_INFINITY, trouble);
            expect(requests).toBeGreaterThan(3);
            const each = Array.from({ length: requests }, (_, n) => n + 1);
            yield* Effect.forEach(each, (nth) => copyWithTrouble(scenario, struck, nth, trouble), {
              concurrency: AT_ONCE,
              discard: true,
            });
            cases += requests + 1;
          }
        }),
      180_000,
    );
  });

  afterAll(() => {
    process.stdout.write(`${cases} copies with one trouble each\n`);
    expect(cases).toBeGreaterThanOrEqual(CASES_MIN);
  });
});

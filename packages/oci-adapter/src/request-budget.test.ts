import fc from "fast-check";
import { expect, it } from "vitest";
import { makeRequestBudget } from "./request-budget.ts";

it("who waits as told never sends more than the limit within any such time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 }),
      (most, within, pauses) => {
        const budget = makeRequestBudget({ most, within });
        const sent: Array<number> = [];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          now += budget.waitMs(now);
          expect(budget.waitMs(now)).toBe(0);
          budget.spend(now);
          sent.push(now);
        }
        for (const at of sent)
          expect(sent.filter((one) => one >= at && one < at + within).length).toBeLessThanOrEqual(most);
      },
    ),
  );
});

it("what was overdrawn is waited for, and a budget that is free again costs no time", () => {
  const budget = makeRequestBudget({ most: 2, within: 100 });
  for (const at of [0, 0, 0, 10]) budget.spend(at);
  expect(budget.waitMs(10)).toBe(90);
  expect(budget.waitMs(100)).toBe(0);
});

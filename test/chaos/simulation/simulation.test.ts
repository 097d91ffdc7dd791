import { describe, expect, it } from "vitest";
import { MUTANTS, type MutantName } from "./mutants.ts";
import type { Profile } from "./scenario.ts";
import { play } from "./schedule.ts";

/** Schedules in a test run; `npm run simulate -- --seeds 2000` plays more. */
const SCHEDULES = 40;
/** Of one seed or of hundreds, on a busy machine. */
const TEST_MS = 300_000;

describe("a schedule", () => {
  it.each(Array.from({ length: SCHEDULES }, (_, n) => n + 1))(
    "with seed %i breaks no rule",
    async (seed) => {
      const { broken } = await play({ seed });
      expect(broken, `npm run simulate -- --seed ${seed}`).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "is the same to the last line when its seed is played again",
    async () => {
      const traceOf = async (seed: number): Promise<ReadonlyArray<string>> => {
        const lines: Array<string> = [];
        await play({ seed, trace: (line) => lines.push(line) });
        return lines;
      };
      for (const seed of [1, 17, 34]) {
        const [first, second] = [await traceOf(seed), await traceOf(seed)];
        expect(first.length).toBeGreaterThan(100);
        expect(second).toEqual(first);
      }
    },
    TEST_MS,
  );
});

/** Steps of the workers from the first on, each of which is the last of a worker in one schedule: they reach over the first copies, from claim to report. */
const LAST_STEPS = 100;

describe("a worker that is killed at any of its steps", () => {
  it(
    "leaves nothing undone and nothing half done",
    async () => {
      for (let step = 1; step <= LAST_STEPS; step += 1) {
        const { broken } = await play({ seed: 9, profile: "lossless", killAt: step });
        expect(broken, `killed at step ${step}`).toEqual([]);
      }
    },
    TEST_MS,
  );
});

/**
 * A test of the test: what a bug planted by hand breaks, where it shows soonest, and within how many schedules it must be found. Each bound is
 * about five times what it took when it was planted, so that other draws of the same chances find it as well.
 */
const HUNTS: Readonly<
  Record<MutantName, { readonly profile: Profile; readonly within: number; readonly rule: RegExp }>
> = {
  "lost-update": { profile: "lossless", within: 1_200, rule: /not level by events alone/ },
  "tag-before-content": { profile: "chain", within: 20, rule: /which lacks/ },
  "expired-lease-writes": { profile: "storm", within: 300, rule: /of its lease left|without its lease/ },
  "absence-without-witness": { profile: "storm", within: 40, rule: /not proven twice with a witness/ },
  "position-before-commit": { profile: "lossless", within: 80, rule: /had its checkpoint at/ },
};

describe("a bug planted by hand is found", () => {
  it.each(Object.entries(HUNTS))(
    "%s",
    async (name, { profile, within, rule }) => {
      const mutant = name as MutantName;
      for (let seed = 1; seed <= within; seed += 1) {
        const { broken } = await play({ seed, profile, mutant });
        if (broken.some((text) => rule.test(text))) return;
      }
      expect.fail(`${within} schedules did not show that ${MUTANTS[mutant].what}`);
    },
    TEST_MS,
  );
});

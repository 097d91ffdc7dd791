import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PAUSE_MS_MAX, Pace } from "./pace.ts";

/** How many of the requests that are ready at once start within the first `ms`. */
const startedWithin = (pace: Pace, ms: number, now: number): number => {
  let count = 0;
  while (count < 10_000 && pace.reserve(now) <= ms) count++;
  return count;
};

it("without a limit nothing waits", () => {
  const pace = new Pace(undefined);
  expect(startedWithin(pace, 0, 5000)).toBe(10_000);
});

it("a second's worth starts at once, then as many as the rate allows", () => {
  expect(startedWithin(new Pace(10), 0, 100_000)).toBe(10);
  expect(startedWithin(new Pace(10), 2000, 100_000)).toBe(30);
});

it("never lets more than rate x time + burst start, whenever requests come", () => {
  const respectsRate = fc.property(fc.array(fc.nat(300), { minLength: 1, maxLength: 200 }), (gaps) => {
    const pace = new Pace(20);
    let now = 50_000;
    const starts = gaps.map((gap) => {
      now += gap;
      return now + pace.reserve(now);
    });
    return starts.every((start, i) =>
      starts.slice(i + 1).every((later, j) => j + 2 <= ((later - start) / 1000) * 20 + 20 + 1),
    );
  });
  void fc.assert(respectsRate);
});

it("429 halves the rate, once for all answers of the same moment, and it grows back to the configured one", () => {
  const pace = new Pace(100);
  pace.throttled(10_000, undefined);
  pace.throttled(10_100, undefined);
  expect(pace.rate).toBe(50);
  pace.reserve(12_000);
  expect(pace.rate).toBe(60);
  pace.reserve(60_000);
  expect(pace.rate).toBe(100);
});

it("never gets slower than one request a second", () => {
  const pace = new Pace(2);
  for (let second = 0; second < 20; second++) pace.throttled(100_000 + second * 2000, undefined);
  expect(pace.rate).toBe(1);
});

it("a rate below one is kept, and throttling never raises it", () => {
  const pace = new Pace(0.5);
  expect([pace.reserve(50_000), pace.reserve(50_000)]).toEqual([0, 2000]);
  pace.throttled(60_000, undefined);
  expect(pace.rate).toBe(0.5);
});

it("learns a limit that nobody configured, and forgets it when twice the speed went well", () => {
  const pace = new Pace(undefined);
  for (let i = 0; i < 40; i++) pace.reserve(20_000);
  pace.throttled(20_500, undefined);
  expect(pace.rate).toBe(20);
  pace.reserve(30_500);
  expect(pace.rate).toBe(40);
  pace.reserve(60_500);
  expect(pace.rate).toBeUndefined();
});

it("Retry-After holds all requests back, but never longer than the limit", () => {
  const pace = new Pace(undefined);
  pace.throttled(1000, 5000);
  expect(pace.reserve(2000)).toBe(4000);
  pace.throttled(3000, 3_600_000);
  expect(pace.pause(3000)).toBe(PAUSE_MS_MAX);
});

import { describe, expect, it } from "vitest";
import { attemptOf, type FailureReason, isRetryable, nextAttempt } from "./retry.ts";

const now = new Date(0);
const after = (reason: FailureReason, attempt: number, extra: Partial<Parameters<typeof nextAttempt>[0]> = {}) => {
  const next = nextAttempt({ reason, side: "target", attempt, random: 0.999_999_9, now, ...extra });
  return next === "park" ? next : next.at.getTime();
};

/** Longest delay after attempts 1, 5 and 50 at the target, and attempts before parking. */
const TABLE: Readonly<Record<FailureReason, readonly [number, number, number, number | "for-ever"]>> = {
  network: [1000, 16_000, 30_000, "for-ever"],
  unavailable: [1000, 16_000, 30_000, "for-ever"],
  stalled: [1000, 16_000, 30_000, "for-ever"],
  "rate-limited": [2000, 32_000, 300_000, "for-ever"],
  unauthorized: [5000, 80_000, 900_000, 12],
  denied: [5000, 80_000, 900_000, 12],
  "repository-unknown": [5000, 80_000, 900_000, 12],
  "absence-unproven": [5000, 80_000, 900_000, 12],
  "not-found": [2000, 32_000, 300_000, 8],
  "digest-mismatch": [2000, 32_000, 300_000, 8],
  "content-missing": [2000, 32_000, 300_000, 8],
  "upload-lost": [2000, 32_000, 300_000, 8],
  "source-moved": [2000, 32_000, 300_000, 8],
  "trust-unavailable": [1000, 16_000, 30_000, "for-ever"],
  internal: [2000, 32_000, 300_000, 8],
  "invalid-response": [5000, 80_000, 300_000, 60],
  "too-large": [0, 0, 0, 1],
  "invalid-request": [0, 0, 0, 1],
  unsupported: [0, 0, 0, 1],
  "deletes-off": [60_000, 900_000, 900_000, "for-ever"],
  conflict: [0, 0, 0, 1],
  "unsafe-location": [0, 0, 0, 1],
  "manifest-refused": [0, 0, 0, 1],
  "graph-too-large": [0, 0, 0, 1],
  "platform-missing": [0, 0, 0, 1],
  "sparse-index-refused": [0, 0, 0, 1],
  "guard-refused": [0, 0, 0, 1],
  "approval-needed": [0, 0, 0, 1],
  "rival-source": [0, 0, 0, 1],
};

describe("the retry table", () => {
  for (const [reason, [first, fifth, fiftieth, attempts]] of Object.entries(TABLE) as Array<
    [FailureReason, (typeof TABLE)[FailureReason]]
  >) {
    it(`${reason}: ${attempts} attempts`, () => {
      const most = attempts === "for-ever" ? Number.POSITIVE_INFINITY : attempts;
      const expected = (attempt: number, delay: number) => (attempt >= most ? "park" : delay);
      expect(after(reason, 1)).toBe(expected(1, first));
      expect(after(reason, 5)).toBe(expected(5, fifth));
      expect(after(reason, 50)).toBe(expected(50, fiftieth));
      expect(after(reason, 1_000_000) === "park").toBe(attempts !== "for-ever");
      if (attempts !== "for-ever" && attempts > 1) expect(after(reason, attempts - 1)).not.toBe("park");
      expect(isRetryable(reason)).toBe(attempts !== 1);
    });
  }

  it("a source is asked more seldom than a target", () => {
    expect(after("network", 50, { side: "source" })).toBe(300_000);
    expect(after("network", 50, { side: "drayage" })).toBe(30_000);
  });
  it("full jitter, but never a hot loop", () => {
    expect(after("network", 4, { random: 0.5 })).toBe(4000);
    expect(after("network", 4, { random: 0 })).toBe(100);
  });
  it("Retry-After is a floor, up to an hour", () => {
    expect(after("rate-limited", 1, { random: 0, retryAfterMs: 42_000 })).toBe(42_000);
    expect(after("rate-limited", 50, { retryAfterMs: 42_000 })).toBe(300_000);
    expect(after("rate-limited", 1, { retryAfterMs: 9e12 })).toBe(3_600_000);
  });
  it("Retry-After does not keep a delivery from being parked", () => {
    expect(after("denied", 12, { retryAfterMs: 1000 })).toBe("park");
  });
});

describe("after an outage", () => {
  it("the first refusal is a first attempt, and does not park", () => {
    const attempt = attemptOf({ reason: "denied", attempt: 500, lastReason: "unavailable" });
    expect(attempt).toBe(1);
    expect(after("denied", attempt)).toBe(5000);
    expect(attemptOf({ reason: "denied", attempt: 4, lastReason: "worker-lost" })).toBe(1);
  });
  it("what is counted goes on counting: a refusal after a refusal, an outage after either", () => {
    expect(attemptOf({ reason: "denied", attempt: 12, lastReason: "not-found" })).toBe(12);
    expect(attemptOf({ reason: "denied", attempt: 12, lastReason: "of a newer version" })).toBe(12);
    expect(attemptOf({ reason: "unavailable", attempt: 12, lastReason: "denied" })).toBe(12);
    expect(attemptOf({ reason: "stalled", attempt: 12, lastReason: "network" })).toBe(12);
    expect(attemptOf({ reason: "denied", attempt: 1 })).toBe(1);
  });
});

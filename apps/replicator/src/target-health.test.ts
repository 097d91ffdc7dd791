import { describe, expect, it } from "vitest";
import { TargetHealth, type TargetSign } from "./target-health.ts";

const AWAY: TargetSign = { _tag: "Away" };
const ANSWERED: TargetSign = { _tag: "Answered" };
const downAt = (now: number): TargetHealth => {
  const health = new TargetHealth();
  health.heard(AWAY, "a", now, 0);
  health.heard(AWAY, "b", now, 0);
  return health;
};

describe("a target", () => {
  it("is not down because of one delivery that it chokes on, however often", () => {
    const health = new TargetHealth();
    for (let time = 0; time < 10; time += 1) health.heard(AWAY, "poisoned", time, 0);
    expect([health.down, health.probeAt]).toEqual([false, 0]);
  });

  it("is down when two deliveries fail with no answer between them", () => {
    const health = downAt(1_000);
    expect([health.down, health.probeAt]).toEqual([true, 1_250]);
  });

  it("is up again with the first answer", () => {
    const health = downAt(0);
    health.heard(ANSWERED, "c", 10, 0);
    expect([health.down, health.probeAt]).toEqual([false, 0]);
    health.heard(AWAY, "a", 20, 0);
    expect(health.down).toBe(false);
  });

  it("is probed after a wait that doubles to ten seconds, with jitter", () => {
    const health = downAt(0);
    const waits: Array<number> = [];
    for (let probe = 0; probe < 8; probe += 1) {
      const now = health.probeAt;
      health.heard(AWAY, "c", now, 0.999_999);
      waits.push(Math.round(health.probeAt - now));
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
  });

  it("has its failed probe rest for longer than the next two waits, shortly after a short outage", () => {
    const health = downAt(0);
    const rests = [health.restMs];
    for (let probe = 0; probe < 6; probe += 1) {
      health.heard(AWAY, "c", health.probeAt, 0.999_999);
      rests.push(health.restMs);
    }
    expect(rests).toEqual([2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000]);
    health.heard(ANSWERED, "c", health.probeAt, 0);
    expect(health.restMs).toBe(2_000);
  });

  it("is not waited for longer because of what failed during the wait", () => {
    const health = downAt(0);
    for (const delivery of ["c", "d", "e"]) health.heard(AWAY, delivery, 100, 0);
    expect(health.probeAt).toBe(250);
  });

  it("says how long to wait, up to five minutes", () => {
    const health = downAt(0);
    health.heard({ _tag: "Away", retryAfterMs: 60_000 }, "c", 250, 0);
    expect(health.probeAt).toBe(60_250);
    health.heard({ _tag: "Away", retryAfterMs: 31_536_000_000 }, "c", 60_250, 0);
    expect(health.probeAt).toBe(360_250);
  });

  it("is neither up nor down by what is not about it", () => {
    const health = downAt(0);
    health.heard({ _tag: "Unknown" }, "c", 10, 0);
    expect(health.down).toBe(true);
  });
});

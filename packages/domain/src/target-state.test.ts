import { describe, expect, it } from "vitest";
import { type TargetFacts, targetState } from "./target-state.ts";

const now = new Date("2026-01-02T00:00:00Z");
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const well: TargetFacts = {
  backlog: 0,
  parked: 0,
  undispatched: 0,
  reconciliation: { at: hoursAgo(1), complete: true },
  paused: false,
  silentSources: [],
  now,
};

describe("the state of a target (invariant 11)", () => {
  it("is level only when everything is known and done", () => {
    expect(targetState(well)).toEqual({ state: "level", reasons: [] });
  });
  it.each<[Partial<TargetFacts>, string, string]>([
    [{ backlog: 3 }, "behind", "3 deliveries pending"],
    [{ backlog: 3, paused: true }, "behind", "3 deliveries pending (paused)"],
    [{ parked: 1 }, "behind", "1 deliveries parked"],
    [{ undispatched: 2 }, "behind", "2 events not yet dispatched"],
    [{ reconciliation: undefined }, "unknown", "never reconciled in full"],
    [
      { reconciliation: { at: hoursAgo(1), complete: false } },
      "unknown",
      "the last reconciliation could not list everything",
    ],
    [
      { reconciliation: { at: hoursAgo(37), complete: true } },
      "unknown",
      "the last full reconciliation is 37 h old, more than 36 h",
    ],
    [{ reconciliationAgeMsMax: 1_800_000 }, "unknown", "the last full reconciliation is 1 h old, more than 0.5 h"],
    [{ silentSources: ["lab"] }, "unknown", "source lab cannot be read"],
  ])("%j: %s", (facts, state, reason) => {
    expect(targetState({ ...well, ...facts })).toEqual({ state, reasons: [reason] });
  });
  it("what is known to be behind is not merely unknown, and every reason is told", () => {
    expect(targetState({ ...well, backlog: 1, reconciliation: undefined })).toEqual({
      state: "behind",
      reasons: ["1 deliveries pending", "never reconciled in full"],
    });
  });
});

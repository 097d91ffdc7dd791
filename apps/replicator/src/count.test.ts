import type { Outcome } from "@drayage/delivery";
import { digestNumber, failed, parked, sampleRequest, skipped, succeeded } from "@drayage/delivery/testing";
import type { WorkItem } from "@drayage/domain";
import { prometheusText } from "@drayage/runtime";
import { expect, it } from "vitest";
import { countOutcome } from "./count.ts";

const item: WorkItem = {
  ...sampleRequest("app:v1", 1),
  target: "counted",
  delivery: "1",
  generation: 1,
  claimed: 1,
  attempt: 1,
  owned: [],
  leaseUntil: new Date(),
};
const lines = (): ReadonlyArray<string> =>
  prometheusText()
    .split("\n")
    .filter((line) => line.includes('target="counted"') && !line.includes("_bucket"))
    .map((line) => line.replace("drayage_", "").replace('target="counted",', "").replace('{target="counted"}', ""))
    .toSorted();

const copied = (): Outcome => {
  const outcome = succeeded(item, digestNumber(1));
  if (outcome._tag !== "Succeeded") return outcome;
  const [bytes, blobs] = [
    { copied: 500, mounted: 30, present: 0 },
    { copied: 2, mounted: 1, present: 0 },
  ];
  return { ...outcome, event: { ...outcome.event, bytes, blobs } };
};
const guarded = (why: string): Outcome => {
  const outcome = parked(item);
  if (outcome._tag !== "Parked") return outcome;
  const error = { ...outcome.event.error, reason: "guard-refused", detail: why };
  return { ...outcome, event: { ...outcome.event, error } };
};

it("every outcome is counted once, by target and by words of ours", () => {
  const outcomes: ReadonlyArray<Outcome> = [
    copied(),
    succeeded(item, null),
    skipped(item, "protected"),
    failed(item, new Date()),
    parked(item),
    guarded("guard.perTarget.fraction: this would be deletion 6 within 3600 s, allowed are 5"),
    guarded("somebody said no"),
    { _tag: "Confirming", absentSince: new Date(), at: new Date() },
  ];
  for (const outcome of outcomes) countOutcome(outcome, 0.5);
  expect(lines()).toEqual([
    'copy_blobs_total{way="copied"} 2',
    'copy_blobs_total{way="mounted"} 1',
    'copy_bytes_total{way="copied"} 500',
    'copy_bytes_total{way="mounted"} 30',
    'guard_refusals_total{limit="other"} 1',
    'guard_refusals_total{limit="perTarget.fraction"} 1',
    'parked_total{reason="guard-refused"} 2',
    'parked_total{reason="unavailable"} 1',
    "replication_seconds_count 7",
    "replication_seconds_sum 3.5",
    'replications_total{outcome="copied"} 1',
    'replications_total{outcome="deleted"} 1',
    'replications_total{outcome="failed"} 1',
    'replications_total{outcome="parked"} 3',
    'replications_total{outcome="skipped"} 1',
    'retries_total{reason="unavailable"} 1',
  ]);
});

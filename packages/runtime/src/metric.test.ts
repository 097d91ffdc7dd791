import { expect, it } from "vitest";
import { counter, gauge, histogram, prometheusText } from "./metric.ts";
import { metrics } from "./metrics.ts";

const linesOf = (name: string): ReadonlyArray<string> =>
  prometheusText()
    .split("\n")
    .filter((line) => line.includes(name));

it("a counter has one HELP, one TYPE, and a line for each label set", () => {
  const c = counter<"registry" | "reason">("t_counter_total", "What it\ncounts.");
  c.add(1, { registry: "lab", reason: 'a "b" \\ \n c' });
  c.add(2, { registry: "lab", reason: 'a "b" \\ \n c' });
  c.add(5, { reason: "x", registry: "other" });
  c.add(-3, { reason: "x", registry: "other" });
  expect(linesOf("t_counter_total")).toEqual([
    "# HELP t_counter_total What it\\ncounts.",
    "# TYPE t_counter_total counter",
    't_counter_total{registry="lab",reason="a \\"b\\" \\\\ \\n c"} 3',
    't_counter_total{reason="x",registry="other"} 5',
  ]);
});

it("a gauge forgets the series that are not named any more", () => {
  const g = gauge<"state">("t_gauge", "States.");
  g.replace([
    { labels: { state: "pending" }, value: 3 },
    { labels: { state: "parked" }, value: 1 },
  ]);
  g.replace([{ labels: { state: "pending" }, value: 2 }]);
  expect(linesOf("t_gauge{")).toEqual(['t_gauge{state="pending"} 2']);
});

it("a histogram is cumulative and ends with +Inf, sum and count", () => {
  const h = histogram<"target">("t_seconds", "Time.", [0.1, 1]);
  for (const value of [0.05, 0.5, 5]) h.observe(value, { target: "a" });
  expect(linesOf("t_seconds").slice(2)).toEqual([
    't_seconds_bucket{target="a",le="0.1"} 1',
    't_seconds_bucket{target="a",le="1"} 2',
    't_seconds_bucket{target="a",le="+Inf"} 3',
    't_seconds_sum{target="a"} 5.55',
    't_seconds_count{target="a"} 3',
  ]);
});

it("every metric of ours is called drayage_*", () => {
  metrics.eventsAppended.add(1, { type: "io.drayage.image.pushed.v1" });
  metrics.copyBytes.add(10, { target: "t", way: "mounted" });
  expect(linesOf("drayage_copy_bytes_total{")).toEqual(['drayage_copy_bytes_total{target="t",way="mounted"} 10']);
  expect(linesOf("drayage_events_appended_total{")).toHaveLength(1);
});

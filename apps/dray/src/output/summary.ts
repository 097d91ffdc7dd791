import type { Report } from "@drayage/reconciler";

/** A reconciliation in one line. */
export const summary = (report: Pick<Report, "compared" | "drift" | "completeness" | "durationMs">): string => {
  const drift = Object.entries(report.drift).map(([kind, count]) => `${count} ${kind}`);
  return `${report.compared} names compared in ${(report.durationMs / 1000).toFixed(1)} s, ${drift.length === 0 ? "in step" : drift.join(", ")}${report.completeness === "complete" ? "" : ", not everything could be read"}`;
};

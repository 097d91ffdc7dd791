import type { Report } from "@drayage/reconciler";

/** A reconciliation in one line. */
export const summary = (report: Pick<Report, "compared" | "drift" | "completeness" | "durationMs">): string => {
  const drift = Object.entries(report.drift).map(([kind, count]) => `${count} ${kind}`);
  const whole = report.completeness === "complete";
  const found = drift.length > 0 ? drift.join(", ") : whole ? "in step" : "no difference found";
  const names = report.compared === 1 ? "name" : "names";
  return `${report.compared} ${names} compared in ${(report.durationMs / 1000).toFixed(1)} s, ${found}${whole ? "" : ", but not everything could be read"}`;
};

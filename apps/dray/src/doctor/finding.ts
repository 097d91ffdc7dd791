import type { Finding } from "@drayage/oci-core";
import { ExitCode } from "../exit-code.ts";

/** What the words mean: `Finding` of oci-core. Here the key is whole: `registries.prod.auth`, `dataDir`; empty for the file as a whole. */
export type DoctorFinding = Finding;

/** The worst first. */
const ORDER: Readonly<Record<Finding["severity"], number>> = { error: 0, warning: 1, unknown: 2, note: 3 };

/** Each thing once, the worst first, else in the order in which they were found. */
export const sorted = (findings: ReadonlyArray<DoctorFinding>): ReadonlyArray<DoctorFinding> => {
  const seen = new Map(findings.map((one) => [`${one.key}\n${one.what}`, one]));
  return [...seen.values()].sort((one, other) => ORDER[one.severity] - ORDER[other.severity]);
};

/** As diff(1): 0 all is well, 1 something is not, 2 nothing was found and not everything could be tried. */
export const exitCodeOf = (findings: ReadonlyArray<DoctorFinding>): ExitCode => {
  const has = (severity: Finding["severity"]): boolean => findings.some((one) => one.severity === severity);
  if (has("error") || has("warning")) return ExitCode.failed;
  return has("unknown") ? ExitCode.unable : ExitCode.ok;
};

/** For people: severity, key, what, and what to do on a line of its own. */
export const text = ({ severity, key, what, mend }: DoctorFinding): string =>
  `${severity.padEnd(7)}  ${key === "" ? "" : `${key}: `}${what}\n${mend === undefined ? "" : `         -> ${mend}\n`}`;

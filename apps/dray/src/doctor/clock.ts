import type { Finding } from "@drayage/oci-core";

/** Signatures and tokens of a minute are refused, and what happened is written with the wrong time. */
const WARN_S = 60;
/** AWS refuses requests with more than 5 min, and so do most who check a signature. */
const ERROR_S = 5 * 60;

/** One answer: the `Date` header, and our own clock in milliseconds when it came. */
export interface Seen {
  readonly date: string | undefined;
  readonly at: number;
}

/** Seconds by which the registry is ahead of us, by the answer that was nearest: `Date` has whole seconds, and an answer takes its time. */
export const skewOf = (seen: ReadonlyArray<Seen>): number | undefined => {
  const all = seen.flatMap(({ date, at }) => {
    const then = date === undefined ? Number.NaN : Date.parse(date);
    return Number.isNaN(then) ? [] : [Math.round((then - at) / 1000)];
  });
  return all.sort((one, other) => Math.abs(one) - Math.abs(other))[0];
};

/** What a difference between the clocks means. Pure. */
export const clockFindings = (registry: string, seen: ReadonlyArray<Seen>): ReadonlyArray<Finding> => {
  const skew = skewOf(seen);
  if (skew === undefined || Math.abs(skew) <= WARN_S) return [];
  return [
    {
      severity: Math.abs(skew) > ERROR_S ? "error" : "warning",
      key: `registries.${registry}`,
      what: `its clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} ours`,
      mend: "Set both by NTP: if others agree with the registry, ours is wrong (`timedatectl`)",
    },
  ];
};

/** Values with a unit. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** Ten years: more is a typing error, and timers and timestamps stay far from their limits. */
const DURATION_MS_MAX = 3650 * 86_400_000;

/** `30s`, `10m`, `1h30m`, `14d`, `0s` in milliseconds; undefined when it is not a duration, or over ten years. */
export const parseDuration = (text: string): number | undefined => {
  if (!/^(?:\d{1,12}(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, count = "", unit = ""] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    ms += Number(count) * (UNIT_MS[unit] ?? 0);
  return ms <= DURATION_MS_MAX ? ms : undefined;
};

/** Whether a host to listen on can only be reached from this machine. */
export const isLoopbackHost = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);

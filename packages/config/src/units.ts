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

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
/** Below a piece of a blob a second, a stream could not be told from one that stands still (`stallMs` of oci-core is a minute). */
const RATE_BYTES_MIN = 64 * 1024;
/** A terabit: no line is faster, and the arithmetic stays exact. */
const RATE_BYTES_MAX = 125e9;

/** `100MiB/s`, `2.5MB/s` in bytes a second; undefined when it is no rate, below 64 KiB/s or over a terabit a second. Bits are not meant by anything. */
export const parseRate = (text: string): number | undefined => {
  const [, amount = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,6})?)(B|kB|MB|GB|KiB|MiB|GiB)\/s$/.exec(text) ?? [];
  const bytes = Math.floor(Number(amount) * (BYTES[unit] ?? 0));
  return bytes >= RATE_BYTES_MIN && bytes <= RATE_BYTES_MAX ? bytes : undefined;
};

/** Whether a host to listen on can only be reached from this machine. */
export const isLoopbackHost = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);

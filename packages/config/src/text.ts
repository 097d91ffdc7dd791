/** Strings with a meaning, for the schemas of drayage.yaml. */
import * as z from "zod";
import { parseDuration, parseRate } from "./units.ts";

/** A string with a check of its own. The message must not repeat the value: it may have come from a secret. */
export const checked = <A>(read: (text: string) => A | undefined, message: string, mend: string) =>
  z.string().transform((text, context): A => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message, params: { mend } });
    return z.NEVER;
  });
export const matching = (pattern: RegExp, message: string, mend: string) =>
  checked((text) => (pattern.test(text) ? text : undefined), message, mend);

export const duration = checked(
  parseDuration,
  "not a duration",
  'Write a number with a unit (ms, s, m, h, d), e.g. "10m"',
);
export const rate = checked(
  parseRate,
  "not a rate",
  'Write bytes a second, at least 64KiB/s, e.g. "100MiB/s" (B, kB, MB, GB, KiB, MiB, GiB)',
);
export const name = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  "not a name",
  "Use at most 63 letters, digits, dots, underscores and hyphens, beginning with a letter or digit",
);

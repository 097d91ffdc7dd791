import * as Cause from "effect/Cause";
import type * as Logger from "effect/Logger";
import * as References from "effect/References";

/** One log entry as plain data: what both forms of the log are written from. */
export interface LogEntry {
  readonly time: Date;
  /** `Debug`, `Info`, `Warn`, `Error`, `Fatal`. */
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: string | undefined;
}

/**
 * Text arguments are the message, plain objects among the arguments and the fiber's annotations are fields, a cause is `error`.
 * `Redacted` values print as `<redacted>` because only their `toJSON` is ever used.
 */
export const entryOf = (options: Logger.Options<unknown>): LogEntry => {
  const parts = Array.isArray(options.message) ? options.message : [options.message];
  const words: Array<string> = [];
  const fields: Record<string, unknown> = { ...options.fiber.getRef(References.CurrentLogAnnotations) };
  const errors: Array<string> = [];
  for (const part of parts) {
    if (part instanceof Error) errors.push(part.stack ?? part.message);
    else if (isPlain(part)) Object.assign(fields, part);
    else words.push(typeof part === "string" ? part : textOf(part));
  }
  if (options.cause.reasons.length > 0) errors.push(Cause.pretty(options.cause));
  return {
    time: options.date,
    level: options.logLevel,
    message: words.join(" "),
    fields,
    error: errors.length === 0 ? undefined : errors.join("\n"),
  };
};

/** One JSON object; never throws, whatever a field holds. `time`, `level` and `message` cannot be overwritten by a field. */
export const jsonLine = (entry: LogEntry): string => {
  const head = { time: entry.time.toISOString(), level: entry.level.toLowerCase(), message: entry.message };
  return textOf({ ...head, ...entry.fields, ...head, error: entry.error ?? entry.fields["error"] });
};

const COLOUR: Readonly<Record<string, number>> = { Trace: 90, Debug: 90, Info: 32, Warn: 33, Error: 31, Fatal: 31 };

/** `12:03:04.567 WARN  message key=value`; an error follows on lines of its own. */
export const readableLine = (entry: LogEntry, colours: boolean): string => {
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const time = paint(90, entry.time.toISOString().slice(11, 23));
  const level = paint(COLOUR[entry.level] ?? 0, entry.level.toUpperCase().padEnd(5));
  const fields = Object.entries(entry.fields).map(
    ([key, value]) => ` ${paint(90, `${key}=`)}${visible(fieldText(value))}`,
  );
  return `${time} ${level} ${visible(entry.message)}${fields.join("")}${entry.error === undefined ? "" : `\n  ${entry.error.replaceAll("\n", "\n  ")}`}`;
};

const fieldText = (value: unknown): string =>
  typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : textOf(value);

/** Control characters of a foreign text (a repository name in a payload) must not reach a terminal or begin a line of their own. */
const visible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** JSON that survives cycles, bigints and throwing getters. */
const textOf = (value: unknown): string => {
  const above: Array<unknown> = [];
  try {
    return (
      JSON.stringify(value, function (this: unknown, _key, part: unknown) {
        while (above.length > 0 && above.at(-1) !== this) above.pop();
        if (typeof part === "bigint") return part.toString();
        if (part instanceof Error) return part.message;
        if (typeof part !== "object" || part === null) return part;
        if (above.includes(part)) return "[circular]";
        above.push(part);
        return part;
      }) ?? String(value)
    );
  } catch (cause) {
    return JSON.stringify(`[not printable: ${cause instanceof Error ? cause.message : "?"}]`);
  }
};

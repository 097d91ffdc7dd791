import * as Layer from "effect/Layer";
import * as Logger from "effect/Logger";
import type * as LogLevel from "effect/LogLevel";
import * as References from "effect/References";
import { entryOf, jsonLine, type LogEntry, readableLine } from "./log-line.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** How logs are written: `json` is one object a line, `text` a readable line, coloured in a terminal. */
export interface LogSettings {
  readonly form: "json" | "text";
  readonly colours: boolean;
  readonly level: LogLevel.LogLevel;
  /** The value of DRAYAGE_LOG or DRAYAGE_LOG_LEVEL that nobody knows, and what holds instead. */
  readonly complaint?: string | undefined;
}

const LEVELS: Readonly<Record<string, LogLevel.LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  none: "None",
};

/**
 * DRAYAGE_LOG (`json`, `text`; default `text` in a terminal, else `json`), DRAYAGE_LOG_LEVEL (default `info`), NO_COLOR. A value that is
 * not known never stops a program: the default holds, and the log says so.
 */
export const logSettings = (env: Environment, terminal: boolean): LogSettings => {
  const form = env["DRAYAGE_LOG"] ?? "";
  const level = (env["DRAYAGE_LOG_LEVEL"] ?? "").toLowerCase();
  const complaints = [
    ["", "json", "text"].includes(form) ? "" : `DRAYAGE_LOG=${form} is not known, write json or text`,
    level === "" || level in LEVELS
      ? ""
      : `DRAYAGE_LOG_LEVEL=${level} is not known, write one of ${Object.keys(LEVELS).join(", ")}`,
  ].filter((text) => text !== "");
  const chosen = form === "json" || form === "text" ? form : terminal ? "text" : "json";
  return {
    form: chosen,
    colours: chosen === "text" && terminal && (env["NO_COLOR"] ?? "") === "",
    level: LEVELS[level] ?? "Info",
    complaint: complaints.length === 0 ? undefined : complaints.join("; "),
  };
};

/** One line of the log, without the line end. */
export const lineOf = (entry: LogEntry, settings: LogSettings): string =>
  settings.form === "json" ? jsonLine(entry) : readableLine(entry, settings.colours);

/** The loggers of an app: every entry is one line to `write`. Replaces Effect's own loggers, which write to stdout. */
export const loggingTo = (settings: LogSettings, write: (line: string) => void): Layer.Layer<never> => {
  const put = (entry: LogEntry): void => write(`${lineOf(entry, settings)}\n`);
  if (settings.complaint !== undefined) {
    put({ time: new Date(), level: "Warn", message: settings.complaint, fields: {} });
  }
  const logger = Logger.make<unknown, void>((options) => put(entryOf(options)));
  return Layer.merge(
    Logger.layer([logger, Logger.tracerLogger]),
    Layer.succeed(References.MinimumLogLevel, settings.level),
  );
};

/** Logs to stderr (stdout belongs to commands), as the environment of this process says. */
export const logging: Layer.Layer<never> = Layer.suspend(() => {
  // A reader of our log that goes away (EPIPE) must not take the process with it.
  process.stderr.on("error", () => {});
  return loggingTo(processLogSettings(), (line) => process.stderr.write(line));
});

/** The settings of this process. */
export const processLogSettings = (): LogSettings => logSettings(process.env, process.stderr.isTTY === true);

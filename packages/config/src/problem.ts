import * as Data from "effect/Data";

/** One thing that is wrong (or, as a warning, doubtful) in the configuration, with its place and the way to mend it. */
export interface Problem {
  /** As people would type it: relative to the working directory where it lies below. */
  readonly file: string;
  /** From 1; 0 where the problem is the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** `routes[0].to[1].registry`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly mend: string;
}

/** `file:line:column: path: what. mend` on one line. */
export const formatProblem = ({ file, line, column, path, message, mend }: Problem): string => {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${path === "" ? "" : `${path}: `}${message}. ${mend}`.replaceAll(/\s*\n\s*/g, " ");
};

/** The configuration cannot be used: everything that is wrong with it, at once. */
export class ConfigError extends Data.TaggedError("ConfigError")<{ readonly problems: ReadonlyArray<Problem> }> {
  override get message(): string {
    const count = this.problems.length;
    return [
      `the configuration has ${count} problem${count === 1 ? "" : "s"}:`,
      ...this.problems.map(formatProblem),
    ].join("\n  ");
  }
}

export type Path = ReadonlyArray<string | number>;

/** `["routes", 0, "from"]` as `routes[0].from`. */
export const formatPath = (path: Path): string =>
  path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    "",
  );

/** A problem before it is known where in which file it stands. */
export interface Finding {
  readonly path: Path;
  /** Point at the key instead of at its value. */
  readonly atKey?: boolean | undefined;
  readonly message: string;
  readonly mend: string;
}

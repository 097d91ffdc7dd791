import { open } from "node:fs/promises";
import { dirname, isAbsolute, relative } from "node:path";
import { codeOf, interpolate, type Secrets } from "./interpolate.ts";
import type { Finding, Path, Problem } from "./problem.ts";
import { parseSource, type SourceFile } from "./source-file.ts";
import { cutUnavailable } from "./unavailable.ts";

/** One file that was read: what it says after secrets are filled in and unavailable keys are cut out, and what is wrong so far. */
export interface ReadFile {
  readonly source: SourceFile;
  /** Undefined when the file is missing or not YAML. */
  readonly value: unknown;
  readonly problems: ReadonlyArray<Problem>;
  readonly warnings: ReadonlyArray<Problem>;
  /** A finding of a later check as a problem; undefined where its key was cut out, which has been told already. */
  readonly place: (finding: Finding) => Problem | undefined;
  /** What a path holds is known to be incomplete, because something at or below it was cut. */
  readonly cut: ReadonlyArray<Path>;
}

/** Routes of a thousand teams are a few hundred kilobytes. A larger file is not a configuration, and YAML needs ten times its size in memory. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Reads, parses and interpolates one file. `path` is absolute. Never throws: a file that cannot be read is a problem. */
export const readSource = async (
  path: string,
  context: { readonly cwd: string } & Omit<Secrets, "directory">,
): Promise<ReadFile> => {
  const name = displayName(path, context.cwd);
  const directory = dirname(path);
  const text = await readText(path);
  if ("problem" in text) {
    const problem = { file: name, line: 0, column: 0, path: "", ...text.problem };
    const source = parseSource(name, directory, "");
    return { source, value: undefined, problems: [problem], warnings: [], place: source.place, cut: [] };
  }
  const source = parseSource(name, directory, text.text);
  const { rest, cut, findings } = cutUnavailable(source.value);
  const { value, missing, wrong } = await interpolate(rest, { ...context, directory });
  const required = context.mode === "required";
  const told = (found: ReadonlyArray<Finding>) => found.map((finding) => source.place(finding));
  const isCut = (at: Path): boolean => cut.some((other) => other.every((part, index) => part === at[index]));
  return {
    source,
    value: source.problems.length > 0 ? undefined : value,
    problems: [...source.problems, ...told([...findings, ...wrong, ...(required ? missing : [])])],
    warnings: required ? [] : told(missing),
    place: (finding) => (isCut(finding.path) ? undefined : source.place(finding)),
    cut,
  };
};

/** As people would type it. */
export const displayName = (path: string, cwd: string): string => {
  const below = relative(cwd, path);
  return below === "" || below.startsWith("..") || isAbsolute(below) ? path : below;
};

type Text = { readonly text: string } | { readonly problem: Pick<Problem, "message" | "mend"> };
const readText = async (path: string): Promise<Text> => {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) {
      return { problem: { message: `larger than ${FILE_BYTES_MAX} bytes`, mend: "Split it with `include`" } };
    }
    return { text: await file.readFile("utf8") };
  } catch (cause) {
    return {
      problem: { message: `cannot be read (${codeOf(cause)})`, mend: "Create it, or name another with --config" },
    };
  }
};

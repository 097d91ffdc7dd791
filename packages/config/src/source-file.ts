import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Finding, Path, Problem } from "./problem.ts";
import { formatPath } from "./problem.ts";

/** One YAML file: its value, and where everything stands in it. */
export interface SourceFile {
  readonly name: string;
  /** Directory that relative paths in it start from. */
  readonly directory: string;
  /** Plain data, as written: nothing is interpolated. */
  readonly value: unknown;
  /** Errors of YAML itself. */
  readonly problems: ReadonlyArray<Problem>;
  /** A finding with its place. */
  readonly place: (finding: Finding) => Problem;
}

/** References expand; a few hundred are more than any real file has, and stop a file that doubles itself with every line. */
const ALIASES_MAX = 100;

/** Reads YAML 1.2 text. Never throws: what is wrong is in `problems`. */
export const parseSource = (name: string, directory: string, text: string): SourceFile => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const at = (offset: number): { readonly line: number; readonly column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const place = ({ path, atKey, message, mend }: Finding): Problem => ({
    file: name,
    ...at(offsetOf(document, path, atKey ?? false)),
    path: formatPath(path),
    message,
    mend,
  });
  const problems: Array<Problem> = document.errors.map((error) => ({
    file: name,
    ...at(error.pos[0]),
    path: "",
    message: `not valid YAML: ${error.message.replace(/\.$/, "")}`,
    mend: "Correct the line",
  }));
  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      problems.push(place({ path: [], message: `not valid YAML: ${what}`, mend: "Write the values out" }));
    }
  }
  return { name, directory, value, problems, place };
};

/** Where the node of a path begins; of the nearest node above it when it is not in the file. */
const offsetOf = (document: ReturnType<typeof parseDocument>, path: Path, atKey: boolean): number => {
  const start = (node: unknown): number | undefined => (hasRange(node) ? node.range[0] : undefined);
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
      if (pair === undefined) return offset;
      const key = start(pair.key) ?? offset;
      offset = atKey && depth === path.length - 1 ? key : (start(pair.value) ?? key);
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      offset = start(node) ?? offset;
    } else return offset;
  }
  return offset;
};
const hasRange = (node: unknown): node is Node & { readonly range: readonly [number, number, number] } =>
  typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range);

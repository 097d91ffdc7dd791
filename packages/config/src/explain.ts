import { field } from "./field.ts";
import { knownKeys } from "./known-keys.ts";
import { nearest, suggest } from "./nearest.ts";
import type { Finding, Path } from "./problem.ts";
import type { WireIssue } from "./wire.ts";

/**
 * What the schema found, in words for people. `raw` is the document before secrets were filled in: only from there are values quoted.
 * `base` is the path of the checked value in the document.
 */
export const explainIssues = (
  issues: ReadonlyArray<WireIssue>,
  raw: unknown,
  base: Path = [],
): ReadonlyArray<Finding> => issues.flatMap((issue) => explain(issue, raw, base));

const explain = (issue: WireIssue, raw: unknown, base: Path): ReadonlyArray<Finding> => {
  const path = [...base, ...issue.path.filter((part) => typeof part !== "symbol")];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...path, key],
        atKey: true,
        message: `unknown key "${key}"`,
        mend: suggest(key, knownKeys(path)),
      }));
    case "invalid_union":
      // No form has this word in the key that tells the forms apart.
      if ("options" in issue && issue.errors.length === 0)
        return [wrongWord(path, valueAt(raw, path), issue.options ?? [])];
      return explainUnion(issue.errors, raw, path);
    case "invalid_key":
      return issue.issues.map((inner) => ({ path, atKey: true, message: inner.message, mend: mendOf(inner) }));
    case "invalid_type": {
      const value = valueAt(raw, path);
      const expected = KINDS[issue.expected] ?? issue.expected;
      if (value === undefined) return [{ path, message: "this key is missing", mend: `Give it ${expected}` }];
      return [{ path, message: `expected ${expected}, got ${kindOf(value)}`, mend: wrongKind(issue.expected, value) }];
    }
    case "invalid_value":
      return [wrongWord(path, valueAt(raw, path), issue.values)];
    case "too_small":
      return [{ path, ...tooSmall(issue) }];
    case "too_big":
      return [{ path, message: `more than ${issue.maximum}`, mend: `Use at most ${issue.maximum}` }];
    case "custom":
      return [{ path, message: issue.message, mend: mendOf(issue) }];
    default:
      return [{ path, message: issue.message.replace(/\.$/, ""), mend: "Correct the value" }];
  }
};

const KINDS: Readonly<Record<string, string>> = {
  array: "a list",
  object: "a mapping",
  record: "a mapping",
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};
const kindOf = (value: unknown): string => {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return KINDS[typeof value] ?? typeof value;
};
const wrongKind = (expected: string, value: unknown): string => {
  if (value === null) return "Give it a value, or remove the key";
  if (expected === "string" && typeof value !== "object") return "Put it in quotes";
  if (expected === "array") return "Write it as a list: [ … ], or lines that begin with a hyphen";
  return "Correct the value";
};
const tooSmall = (issue: { readonly origin: string; readonly minimum: number | bigint }) => {
  if (issue.origin === "array") return { message: "the list is empty", mend: "Give it at least one entry" };
  if (issue.origin === "string") return { message: "the text is empty", mend: "Give it a value, or remove the key" };
  return { message: `less than ${issue.minimum}`, mend: `Use at least ${issue.minimum}` };
};
const mendOf = (issue: WireIssue): string => {
  const mend: unknown = issue.code === "custom" ? issue.params?.["mend"] : undefined;
  return typeof mend === "string" ? mend : "Correct the value";
};

const wrongWord = (path: Path, value: unknown, words: ReadonlyArray<unknown>): Finding => {
  const list = `${words.length > 1 ? "one of " : ""}${words.map(quoted).join(", ")}`;
  if (value === undefined) return { path, message: "this key is missing", mend: `Use ${list}` };
  const meant = typeof value === "string" ? nearest(value, words.map(String)) : undefined;
  const mend = meant === undefined ? `Use ${words.length > 1 ? "one of these" : list}` : `Did you mean "${meant}"?`;
  return { path, message: `${quoted(value)} is not ${list}`, mend };
};
/** Long values are not quoted: whatever they are, they are no word. */
const QUOTED_LENGTH_MAX = 40;
const quoted = (value: unknown): string =>
  (typeof value === "string" || typeof value === "number" || typeof value === "boolean") &&
  String(value).length <= QUOTED_LENGTH_MAX
    ? JSON.stringify(value)
    : kindOf(value);

type Branch = ReadonlyArray<WireIssue>;

/** Of several forms, the one that was probably meant: of the right kind, with the least to mend; a key that a form does not know speaks most against it. */
const explainUnion = (errors: ReadonlyArray<Branch>, raw: unknown, path: Path): ReadonlyArray<Finding> => {
  const branches = errors.flatMap(flatten);
  const meant = branches.filter((branch) => !branch.some(isOfAnotherKind)).sort((a, b) => weight(a) - weight(b))[0];
  if (meant !== undefined) return explainIssues(withAllWords(meant, branches), raw, path);
  const words = branches
    .flat()
    .flatMap((issue) => (isOfAnotherKind(issue) && "values" in issue ? issue.values.map(String) : []));
  const kinds = branches
    .flat()
    .flatMap((issue) =>
      issue.code === "invalid_type" && issue.path.length === 0 ? (KINDS[issue.expected] ?? issue.expected) : [],
    );
  const expected = [...words.map((word) => `"${word}"`), ...new Set(kinds)];
  const value = valueAt(raw, path);
  const guess = typeof value === "string" ? nearest(value, words) : undefined;
  const message = `expected ${expected.join(" or ")}, got ${quoted(value)}`;
  return [{ path, message, mend: guess === undefined ? "Use one of these forms" : `Did you mean "${guess}"?` }];
};
const flatten = (branch: Branch): ReadonlyArray<Branch> => {
  const only = branch[0];
  return only?.code === "invalid_union" && only.path.length === 0 ? only.errors.flatMap(flatten) : [branch];
};
const isOfAnotherKind = (issue: WireIssue): boolean =>
  issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
const weight = (branch: Branch): number =>
  branch.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? 1.5 * issue.keys.length : 1), 0);
/** A key that tells the forms apart (`mode`) may hold the words of all of them. */
const withAllWords = (branch: Branch, branches: ReadonlyArray<Branch>): Branch =>
  branch.map((issue) => {
    if (issue.code !== "invalid_value") return issue;
    const same = (other: WireIssue) => other.code === "invalid_value" && other.path.join() === issue.path.join();
    const values = branches.flatMap((other) =>
      other.filter(same).flatMap((found) => ("values" in found ? found.values : [])),
    );
    return { ...issue, values };
  });

const valueAt = (raw: unknown, path: Path): unknown => path.reduce(field, raw);

/**
 * Keys of the design that this version does not have. Known by name, so that whoever writes one is told so, and never
 * believes that it works. Each is cut out of the document after it was reported; the rest is checked as usual.
 */
import type { Finding, Path } from "./problem.ts";

interface Unavailable {
  /** `*` stands for any name or index. */
  readonly path: ReadonlyArray<string>;
  /** Whether this value is meant; every value by default. */
  readonly when?: ((value: unknown) => boolean) | undefined;
  /** What is not available, to stand before `is not available`. */
  readonly what: string;
  readonly mend: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const has =
  (...keys: ReadonlyArray<string>) =>
  (value: unknown): boolean =>
    isObject(value) && keys.some((key) => Object.hasOwn(value, key));
const REMOVE = "Remove the key";

export const UNAVAILABLE: ReadonlyArray<Unavailable> = [
  {
    path: ["routes", "*", "select", "tags"],
    when: has("newest"),
    what: "selecting the newest tags",
    mend: "Use globs, `semver` or `regex`",
  },
  {
    path: ["routes", "*", "keepPrevious"],
    when: (value) => typeof value === "number" && value > 0,
    what: "keeping previous revisions",
    mend: "Remove the key: 0 is the default",
  },
  {
    path: ["routes", "*", "deletes"],
    when: (value) => value === "tombstone" || (isObject(value) && value["mode"] === "tombstone"),
    what: "deletion by tombstone",
    mend: "Use `ignore`, or `mode: mirror`",
  },
  { path: ["routes", "*", "deletes", "after"], what: "`after` (deletion by tombstone)", mend: REMOVE },
  {
    path: ["guard", "wholeRepository"],
    when: (value) => value !== "approve",
    what: "`wholeRepository` other than `approve`",
    mend: "Remove the key: `approve` is the default",
  },
  { path: ["reconcile", "deep"], what: "deep reconciliation by schedule", mend: REMOVE },
  { path: ["admin", "oidc"], what: "OpenID Connect", mend: "Use `tokens`" },
];

/** What of a document is not available, and the document without it. */
export const cutUnavailable = (
  document: unknown,
): { readonly rest: unknown; readonly cut: ReadonlyArray<Path>; readonly findings: ReadonlyArray<Finding> } => {
  const findings: Array<Finding> = [];
  const cut: Array<Path> = [];
  for (const { path: pattern, when, what, mend } of UNAVAILABLE) {
    for (const { path, value } of matches(document, pattern)) {
      if (when !== undefined && !when(value)) continue;
      // An element of a list is found by the pattern of its list as well, and `auth` by both: tell it once.
      if (findings.some((finding) => isPrefix(finding.path, path))) continue;
      findings.push({ path, atKey: true, message: `${what} is not available in this version of drayage`, mend });
      cut.push(path);
    }
  }
  return { rest: cut.length === 0 ? document : without(document, cut, []), cut, findings };
};

const isPrefix = (short: Path, long: Path): boolean => short.every((part, index) => part === long[index]);

function* matches(
  value: unknown,
  pattern: ReadonlyArray<string>,
  path: Path = [],
): Generator<{ readonly path: Path; readonly value: unknown }> {
  const [head, ...rest] = pattern;
  if (head === undefined) {
    yield { path, value };
    return;
  }
  if (Array.isArray(value)) {
    if (head === "*") for (const [index, entry] of value.entries()) yield* matches(entry, rest, [...path, index]);
  } else if (isObject(value)) {
    const keys = head === "*" ? Object.keys(value) : Object.hasOwn(value, head) ? [head] : [];
    for (const key of keys) yield* matches(value[key], rest, [...path, key]);
  }
}

/** Indexes of lists must stay what they are in the file, so a cut element leaves a hole (`undefined`) there. */
const without = (value: unknown, cut: ReadonlyArray<Path>, path: Path): unknown => {
  const isCut = (at: Path): boolean => cut.some((other) => other.length === at.length && isPrefix(other, at));
  if (Array.isArray(value)) {
    return value.map((entry, index) => (isCut([...path, index]) ? undefined : without(entry, cut, [...path, index])));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      isCut([...path, key]) ? [] : [[key, without(entry, cut, [...path, key])]],
    ),
  );
};

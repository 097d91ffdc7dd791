import { type Answer, json } from "@drayage/oci-core/testing";
import { restRefusal } from "./access.ts";
import type { ManifestFile } from "./content.ts";

/** A row as searches see it. */
export interface Row extends ManifestFile {
  readonly modified: string;
  readonly modified_by: string;
}

/** The limits of an instance. Source: facts/artifactory.md 3.3. */
export interface AqlLimits {
  /** Rows after which an answer is cut and says so. */
  readonly rowsMax: number;
  /** Rows that the user may not see: they are left out after the limit was applied, so that pages can be short. */
  readonly hidden: (row: Row) => boolean;
}

const QUERY_LENGTH_MAX = 6000;
const QUERY = /^items\.find\((.*)\)\.include\((.*?)\)\.sort\((\{.*?\})\)\.offset\((\d+)\)\.limit\((\d+)\)$/s;
const NEEDED: ReadonlyArray<string> = ["repo", "path", "name"];

type Field = keyof Row | "type";
type Criteria = Readonly<Record<string, unknown>>;

/** Answers `items.find(…)` with include, sort, offset and limit in this order, and refuses what it does not know. `rowsOf`: by key, virtual ones too. */
export const answerAql = (
  query: string,
  rowsOf: (key: string) => ReadonlyArray<Row>,
  keys: ReadonlyArray<string>,
  limits: AqlLimits,
): Answer => {
  if (query.length > QUERY_LENGTH_MAX) return restRefusal(400, "the query is too long");
  const parts = QUERY.exec(query.trim());
  if (parts === null) return restRefusal(400, `Failed to parse query: ${query.slice(0, 100)}`);
  const [, find = "", include = "", sort = "", offset = "0", limit = "0"] = parts;
  const fields = JSON.parse(`[${include}]`) as ReadonlyArray<string>;
  if (NEEDED.some((field) => !fields.includes(field)))
    return restRefusal(403, "For permissions reasons AQL demands the following fields: repo, path and name.");
  const criteria = JSON.parse(find) as Criteria;
  const { $asc } = JSON.parse(sort) as { readonly $asc: ReadonlyArray<keyof Row> };
  const stored = keysIn(criteria, keys);
  const all = [...new Set(stored.flatMap(rowsOf))]
    .filter((row) => holds(criteria, row, true))
    .sort((a, b) => compare(a, b, $asc));
  const from = Number(offset);
  const isCut = from + Number(limit) > limits.rowsMax && all.length > limits.rowsMax;
  const page = all.slice(0, isCut ? limits.rowsMax : undefined).slice(from, from + Number(limit));
  const results = page
    .filter((row) => !limits.hidden(row))
    .map((row) =>
      Object.fromEntries(fields.flatMap((field) => (field in row ? [[field, row[field as keyof Row]]] : []))),
    );
  return json(200, {
    results,
    range: {
      start_pos: from,
      end_pos: from + results.length,
      total: results.length,
      limit: Number(limit),
      ...(isCut ? { notification: "AQL query reached the search hard limit, results are trimmed." } : {}),
    },
  });
};

/** Keys that the criteria name; a virtual key stands for its members, which `rowsOf` knows. */
const keysIn = (criteria: Criteria, keys: ReadonlyArray<string>): ReadonlyArray<string> => {
  const named = new Set<string>();
  const walk = (one: Criteria): void => {
    for (const [field, value] of Object.entries(one)) {
      if (field === "repo" && typeof value === "string") named.add(value);
      if (field.startsWith("$") && Array.isArray(value)) for (const inner of value) walk(inner as Criteria);
    }
  };
  walk(criteria);
  return named.size === 0 ? keys : [...named];
};

const holds = (criteria: Criteria, row: Row, isTop = false): boolean =>
  Object.entries(criteria).every(([field, wanted]) => {
    if (field === "$or") return (wanted as ReadonlyArray<Criteria>).some((one) => holds(one, row));
    if (field === "$and") return (wanted as ReadonlyArray<Criteria>).every((one) => holds(one, row));
    if (field === "type") return wanted === "file";
    // The key was resolved before: a virtual one has rows of its members.
    if (field === "repo") return isTop || typeof wanted === "string";
    return matches(String(row[field as Exclude<Field, "type">]), wanted);
  });

const matches = (value: string, wanted: unknown): boolean => {
  if (typeof wanted === "string") return value === wanted;
  return Object.entries(wanted as Readonly<Record<string, string>>).every(([operator, operand]) => {
    switch (operator) {
      case "$eq":
        return value === operand;
      case "$match":
        return wildcard(operand).test(value);
      case "$gt":
        return value > operand;
      default:
        return false;
    }
  });
};

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );

const compare = (a: Row, b: Row, fields: ReadonlyArray<keyof Row>): number => {
  for (const field of fields) {
    if (a[field] < b[field]) return -1;
    if (a[field] > b[field]) return 1;
  }
  return 0;
};

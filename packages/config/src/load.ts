import { resolve } from "node:path";
import type { RegistryLookup } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { buildConfig, buildRoute } from "./build.ts";
import { checkBytesFrom } from "./bytes-from.ts";
import { explainIssues } from "./explain.ts";
import { field } from "./field.ts";
import { includedFiles } from "./include.ts";
import { mirrorsOfViews } from "./mirror-sources.ts";
import type { Config } from "./model.ts";
import { ConfigError, type Finding, type Problem } from "./problem.ts";
import { type ReadFile, readSource } from "./read-file.ts";
import { isRegistryType, REGISTRY_TYPES } from "./registry-types.ts";
import {
  checkHead,
  checkRoute,
  checkTogether,
  duplicateNames,
  type RouteAt,
  unknownRegistries,
  warnHead,
} from "./semantics.ts";
import { parseHead, parseIncluded, parseRoute, type WireHead } from "./wire.ts";

export interface LoadOptions {
  /** From `--config`; else `DRAYAGE_CONFIG` of `env`; else `drayage.yaml` in `cwd`. */
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** `optional` tolerates missing secrets (`dray config check --no-secrets`): such a configuration is for looking at, not for running. */
  readonly secrets: "required" | "optional";
}
export interface Loaded {
  readonly config: Config;
  /** Absolute path of the main file. */
  readonly file: string;
  /** What is allowed and may surprise. For people: print it. */
  readonly warnings: ReadonlyArray<Problem>;
}

/** Where nothing names a file. */
export const DEFAULT_FILE = "drayage.yaml";

/**
 * Finds, reads and checks the configuration, and gives one value with all defaults filled in. Fails with everything that is wrong at once,
 * each with its line. Reads files (the configuration, what it includes, `${file:…}`); nothing else.
 */
export const loadConfig: (options: LoadOptions) => Effect.Effect<Loaded, ConfigError> = Effect.fnUntraced(
  function* (options) {
    const result = yield* Effect.promise(() => load(options));
    if ("problems" in result) return yield* new ConfigError(result);
    return result;
  },
);

const load = async (options: LoadOptions): Promise<Loaded | { readonly problems: ReadonlyArray<Problem> }> => {
  const file = resolve(options.cwd, options.path ?? (options.env["DRAYAGE_CONFIG"] || DEFAULT_FILE));
  const reading = { cwd: options.cwd, env: options.env, mode: options.secrets };
  const main = await readSource(file, reading);
  const desk = new Desk();
  desk.take(main);
  if (main.value === undefined) return { problems: desk.problems };

  const head = readHead(main, desk);
  const include = await includedFiles(textsOf(field(main.value, "include")), main.source.directory, file);
  desk.report(main, include.problems);
  desk.warn(main, include.warnings);
  const included = await Promise.all(include.files.map((path) => readSource(path, reading)));
  const routes = [main, ...included].flatMap((source) => readRoutes(source, source === main, main, desk));

  const lookup = lookupOf(main);
  for (const at of routes) desk.report(at.file, checkRoute(at, lookup));
  const describe = ({ file: source, path }: RouteAt<ReadFile>): string => {
    const { line, column } = source.source.place({ path, message: "", mend: "" });
    return `${source.source.name}:${line}:${column}`;
  };
  for (const found of duplicateNames(routes, describe)) desk.report(found.file, [found.finding]);
  if (head !== undefined) desk.report(main, checkHead(head));
  if (head !== undefined) for (const found of mirrorsOfViews(routes, head)) desk.report(found.file, [found.finding]);
  // Only now: these look at all routes together, and compile them, which none of the problems above would survive.
  if (desk.problems.length === 0) {
    for (const found of checkBytesFrom(routes)) desk.report(found.file, [found.finding]);
    const together = checkTogether(routes, lookup);
    for (const found of together.problems) desk.report(found.file, [found.finding]);
    for (const found of together.warnings) desk.warn(found.file, [found.finding]);
  }
  if (head === undefined || desk.problems.length > 0) return { problems: desk.sorted() };
  const plain = routes.map(({ route }) => route);
  desk.warn(main, warnHead(head, plain));
  return { config: buildConfig(head, plain, main.source.directory), file, warnings: desk.warnings };
};

/** Where problems and warnings gather. */
class Desk {
  readonly problems: Array<Problem> = [];
  readonly warnings: Array<Problem> = [];
  readonly #files: Array<string> = [];
  take(file: ReadFile): void {
    this.#files.push(file.source.name);
    this.problems.push(...file.problems);
    this.warnings.push(...file.warnings);
  }
  report(file: ReadFile, findings: ReadonlyArray<Finding>): void {
    this.problems.push(...findings.flatMap((finding) => file.place(finding) ?? []));
  }
  warn(file: ReadFile, findings: ReadonlyArray<Finding>): void {
    this.warnings.push(...findings.flatMap((finding) => file.place(finding) ?? []));
  }
  /** File by file, from top to bottom. */
  sorted(): ReadonlyArray<Problem> {
    const order = (file: string) => this.#files.indexOf(file);
    return this.problems.toSorted((a, b) => order(a.file) - order(b.file) || a.line - b.line || a.column - b.column);
  }
}

const readHead = (main: ReadFile, desk: Desk): WireHead | undefined => {
  const parsed = parseHead(main.value);
  if (parsed._tag === "Ok") return parsed.value;
  desk.report(main, explainIssues(parsed.issues, main.source.value));
  return undefined;
};

/** The sound routes of one file; what is wrong with the others is reported. */
const readRoutes = (file: ReadFile, isMain: boolean, main: ReadFile, desk: Desk): ReadonlyArray<RouteAt<ReadFile>> => {
  if (!isMain) {
    desk.take(file);
    if (file.value === undefined) return [];
    const parsed = parseIncluded(file.value);
    if (parsed._tag === "Issues") desk.report(file, explainIssues(parsed.issues, file.source.value).map(routesOnly));
  }
  const known = Object.keys(field(main.source.value, "registries") ?? {});
  const list = field(file.value, "routes");
  return (Array.isArray(list) ? list : []).flatMap((value: unknown, index): ReadonlyArray<RouteAt<ReadFile>> => {
    const path = ["routes", index];
    desk.report(file, unknownRegistries(value, path, known));
    const parsed = parseRoute(value);
    if (parsed._tag === "Ok") return [{ file, path, route: buildRoute(parsed.value, file.source.directory) }];
    desk.report(file, explainIssues(parsed.issues, file.source.value, path));
    return [];
  });
};
const routesOnly = (finding: Finding): Finding =>
  finding.atKey === true && finding.path.length === 1
    ? {
        ...finding,
        message: `"${finding.path[0]}" in an included file`,
        mend: "Move it to the main file: included files hold routes only",
      }
    : finding;

/** By what the file says of each registry, sound or not, so that routes can be checked beside a registry with a mistake. */
const lookupOf = (main: ReadFile): RegistryLookup => {
  const registries = field(main.value, "registries");
  return (name) => {
    const type = field(field(registries, name), "type");
    return isRegistryType(type) ? REGISTRY_TYPES[type] : undefined;
  };
};

const textsOf = (value: unknown): ReadonlyArray<string> =>
  (Array.isArray(value) ? value : [value]).filter((entry) => typeof entry === "string");

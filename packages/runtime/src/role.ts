import { parseArgs } from "node:util";
import { type Config, formatProblem, loadConfig } from "@drayage/config";
import { type Database, EventLog, layerDatabase, type Migrations } from "@drayage/event-log";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { logging } from "./logging.ts";
import { metrics } from "./metrics.ts";
import { runApp } from "./run.ts";

/** The command line of an app's own entry was not understood. */
export class WrongUsage extends Data.TaggedError("WrongUsage")<{ readonly message: string }> {}

/** Database and log of a configuration. `owner` migrates, and starts and stops an embedded server; `guest` looks at what runs. */
export const databaseOf = (
  config: Pick<Config, "database" | "dataDir" | "instance">,
  migrations: ReadonlyArray<Migrations>,
  observer: "owner" | "guest",
  applicationName: string,
) =>
  Layer.provideMerge(
    EventLog.layer,
    layerDatabase({
      database:
        config.database._tag === "Embedded"
          ? { _tag: "Embedded", dataDir: config.dataDir, users: postgresUsers(process.env["DRAYAGE_POSTGRES_USERS"]) }
          : config.database,
      instance: config.instance,
      migrations,
      observer,
      applicationName,
      onAppended: (types) => {
        for (const type of types) metrics.eventsAppended.add(1, { type });
      },
    }),
  );

/** As root the embedded server runs as the first of these users that exists: `DRAYAGE_POSTGRES_USERS=postgres,nobody`. */
const postgresUsers = (names: string | undefined): ReadonlyArray<string> | undefined => {
  const users = (names ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return users.length === 0 ? undefined : users;
};

/** What the entry of one app says about itself. */
export interface RoleEntry<E, Option extends string> {
  /** Of the app: `ingest` is started as `drayage-ingest`. */
  readonly name: string;
  /** Tables that the app uses, in the order of their dependencies. */
  readonly migrations: ReadonlyArray<Migrations>;
  /** Options that must be given beside `--config`, e.g. `target`. */
  readonly options: ReadonlyArray<Option>;
  readonly run: (
    config: Config,
    options: Readonly<Record<Option, string>>,
  ) => Effect.Effect<void, E, Scope.Scope | Database | EventLog>;
  /** Instead of `run`, where this configuration needs no database: none is opened then. Undefined: it needs one. */
  readonly runAlone?:
    | ((config: Config, options: Readonly<Record<Option, string>>) => Effect.Effect<void, E, Scope.Scope> | undefined)
    | undefined;
}

/** Runs one app as a process of its own: `drayage-<name> [--config FILE]`, until it is stopped. Needs a database server; `dray up` has its own. */
export const runRole = <E, Option extends string = never>(entry: RoleEntry<E, Option>): void => {
  const main = Effect.gen(function* () {
    const given = yield* commandLine(entry);
    const { config, warnings } = yield* loadConfig({
      path: given.config,
      env: process.env,
      cwd: process.cwd(),
      secrets: "required",
    });
    yield* Effect.forEach(warnings, (warning) => Effect.logWarning(formatProblem(warning)), { discard: true });
    const alone = entry.runAlone?.(config, given.options);
    if (alone !== undefined) return yield* alone;
    const database = databaseOf(config, entry.migrations, "owner", `drayage-${entry.name}`);
    yield* Effect.provide(entry.run(config, given.options), database);
  });
  runApp(entry.name, Effect.provide(main, logging));
};

const commandLine = <E, Option extends string>(entry: RoleEntry<E, Option>) =>
  Effect.try({
    try: () => {
      const names = ["config", ...entry.options];
      const { values } = parseArgs({
        options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
      });
      const options: Partial<Record<Option, string>> = {};
      for (const name of entry.options) {
        const value = values[name];
        if (typeof value !== "string") throw new TypeError(`--${name} is missing`);
        options[name] = value;
      }
      const config = values["config"];
      return { config: typeof config === "string" ? config : undefined, options: options as Record<Option, string> };
    },
    catch: (cause) => {
      const usage = [`drayage-${entry.name} [--config FILE]`, ...entry.options.map((name) => `--${name} NAME`)].join(
        " ",
      );
      return new WrongUsage({ message: `${cause instanceof Error ? cause.message : String(cause)} (${usage})` });
    },
  });

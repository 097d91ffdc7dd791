#!/usr/bin/env node
import { parseArgs } from "node:util";
import { formatProblem, loadConfig } from "@drayage/config";
import { deliveryMigrations } from "@drayage/delivery";
import { EventLog, eventLogMigrations, layerDatabase } from "@drayage/event-log";
import { logging, runApp } from "@drayage/runtime";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { dispatcher } from "./dispatcher.ts";

class WrongUsage extends Data.TaggedError("WrongUsage")<{ readonly message: string }> {}

const configPath = Effect.try({
  try: () => parseArgs({ options: { config: { type: "string" } } }).values.config,
  catch: (cause) =>
    new WrongUsage({
      message: `${cause instanceof Error ? cause.message : cause} (drayage-dispatcher [--config FILE])`,
    }),
});

/** The dispatcher alone, as a process of its own: `drayage-dispatcher [--config FILE]`. Needs a database server; `dray up` has its own. */
const main = Effect.gen(function* () {
  const path = yield* configPath;
  const { config, warnings } = yield* loadConfig({ path, env: process.env, cwd: process.cwd(), secrets: "required" });
  yield* Effect.forEach(warnings, (warning) => Effect.logWarning(formatProblem(warning)), { discard: true });
  const database = layerDatabase({
    database: config.database._tag === "Embedded" ? { _tag: "Embedded", dataDir: config.dataDir } : config.database,
    instance: config.instance,
    migrations: [eventLogMigrations, deliveryMigrations],
    applicationName: "drayage-dispatcher",
  });
  const services = yield* Layer.build(Layer.provideMerge(EventLog.layer, database));
  yield* Effect.logInfo("the dispatcher follows the log");
  return yield* Effect.provide(dispatcher({ config }), services);
});

runApp("dispatcher", Effect.provide(main, logging));

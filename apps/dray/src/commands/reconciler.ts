import { Database, EventLog } from "@drayage/event-log";
import { reconcileAndAppend } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { summary } from "../output/summary.ts";
import { json } from "../output/table.ts";
import type { Globals, ReconcilerOptions } from "../program.ts";
import { diff } from "./diff.ts";
import { role } from "./role.ts";

/**
 * `dray reconciler`: on schedule until stopped; `--once`: everything now, drift appended so that it is repaired, exit 0 (1 when
 * drift was found with `--dry-run`, 2 when something could not be compared).
 */
export const reconcilerCommand = (globals: Globals, options: ReconcilerOptions) => {
  if (options.once !== true) {
    const { dryRun, target, route } = options;
    return dryRun === undefined && target === undefined && route === undefined
      ? role(globals, { role: "reconciler" })
      : Effect.fail(unable("--dry-run, --target and --route are for one comparison", "add --once"));
  }
  return options.dryRun === true ? diff(globals, options) : once(globals, options);
};

const once = Effect.fnUntraced(function* (globals: Globals, options: ReconcilerOptions) {
  const config = yield* configuration(globals);
  yield* checkNames(config, options);
  const report = yield* Effect.gen(function* () {
    const registries = yield* openRegistries(config);
    const context = { config, registries, database: yield* Database, log: yield* EventLog };
    return yield* reconcileAndAppend(context, { kind: "full", target: options.target, route: options.route });
  }).pipe(
    Effect.scoped,
    // Beside `dray up` we are a guest. Without it there is nobody to repair what we would find.
    Effect.provide(databaseLayer(config, "guest")),
    Effect.mapError((error) => unable(error.message)),
  );
  process.stdout.write(globals.json === true ? json(report) : `${summary(report)}\n`);
  for (const problem of report.problems) process.stderr.write(`dray: ${problem}\n`);
  return report.completeness === "complete" ? ExitCode.ok : ExitCode.unable;
});

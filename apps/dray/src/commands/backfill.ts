import { parseWindow, type Window, windowText } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import { type Difference, databaseBooks, openAll, reconcile, reconcileAndAppend, routesOf } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import prettyBytes from "pretty-bytes";
import { unable } from "../cli-error.ts";
import { act, byUser } from "../compose/acts.ts";
import { databaseLayer } from "../compose/database.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { type Estimate, estimate } from "../estimate.ts";
import { ExitCode } from "../exit-code.ts";
import { summary } from "../output/summary.ts";
import { json, table } from "../output/table.ts";
import type { BackfillOptions, Globals } from "../program.ts";

/**
 * `dray backfill`: what a route asks for and its targets lack, behind all that is told meanwhile. `--dry-run` estimates and changes nothing. Exit 2 when not
 * everything could be compared.
 */
export const backfill = Effect.fnUntraced(function* (globals: Globals, options: BackfillOptions) {
  const config = yield* configuration(globals);
  yield* checkNames(config, options);
  const window = yield* windowOf(options);
  const targets = config.routes
    .filter(({ name }) => name === options.route)
    .flatMap(({ to }) => to.map(({ registry }) => registry))
    .filter((target) => options.target === undefined || target === options.target);
  if (targets.length === 0) return yield* unable(`route ${options.route} has no target ${options.target}`);
  if (options.pause === true || options.resume === true) return yield* control(globals, targets, options);

  const scope = { kind: "full", route: options.route, target: options.target, backfill: true } as const;
  const { report, estimates } = yield* Effect.gen(function* () {
    const registries = yield* openRegistries(config);
    const database = yield* Database;
    if (options.dryRun !== true)
      return {
        report: yield* reconcileAndAppend({ config, registries, database, log: yield* EventLog }, scope),
        estimates: undefined,
      };
    const opened = yield* openAll(config, registries);
    const found: Array<Difference> = [];
    const compared = yield* reconcile(
      {
        ...databaseBooks(database),
        routes: routesOf(config, scope),
        registryOf: (name) => opened.get(name),
        onDifferences: (_, some) => Effect.sync(() => void found.push(...some.filter(({ parked }) => !parked))),
      },
      scope,
    );
    const each = yield* Effect.forEach(targets, (target) =>
      Effect.map(
        estimate(
          found.filter((one) => one.target === target),
          (name) => opened.get(name),
        ),
        (estimated) => ({ target, ...estimated }),
      ),
    );
    return { report: compared, estimates: each };
  }).pipe(
    Effect.scoped,
    Effect.provide(databaseLayer(config, "guest")),
    Effect.mapError((error) => unable(error.message)),
  );
  if (options.dryRun !== true && options.window !== undefined)
    yield* act(config, async (acts) => {
      for (const target of targets) await acts.setWindow(target, window);
    });
  if (globals.json === true) process.stdout.write(json({ ...report, estimates, window: windowLine(window) }));
  else {
    if (estimates !== undefined) process.stdout.write(estimateTable(estimates));
    process.stdout.write(
      `${summary(report)}${window === undefined ? "" : `; goes on between ${windowText(window)}`}\n`,
    );
  }
  for (const problem of report.problems) process.stderr.write(`dray: ${problem}\n`);
  return report.completeness === "complete" ? ExitCode.ok : ExitCode.unable;
});

const control = Effect.fnUntraced(function* (
  globals: Globals,
  targets: ReadonlyArray<string>,
  { pause, resume, window, dryRun, why }: BackfillOptions,
) {
  if (pause === resume || window !== undefined || dryRun === true)
    return yield* unable("--pause and --resume stand alone", "use one of them, without --window and --dry-run");
  const config = yield* configuration(globals);
  const changed = yield* act(config, async (acts) => {
    const done: Array<string> = [];
    for (const target of targets) {
      const f = pause === true ? acts.pauseBackfill : acts.resumeBackfill;
      if (await f(target, byUser(why))) done.push(target);
    }
    return done;
  });
  const line = `backfill of ${targets.join(", ")} ${pause === true ? "is paused" : "goes on"}\n`;
  process.stdout.write(globals.json === true ? json({ targets, paused: pause === true, changed }) : line);
  return ExitCode.ok;
});

/** `always` takes a window away. */
const windowOf = Effect.fnUntraced(function* ({ window, zone }: BackfillOptions) {
  if (window === undefined || window === "always") return undefined;
  const parsed = parseWindow(window, zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (parsed === undefined)
    return yield* unable(`"${window}" in zone "${zone ?? "local"}" is no window`, "write it as 20:00-06:00, or always");
  return parsed;
});

const windowLine = (window: Window | undefined): string | undefined =>
  window === undefined ? undefined : windowText(window);

const estimateTable = (estimates: ReadonlyArray<Estimate & { readonly target: string }>): string =>
  table(
    ["TARGET", "TAGS", "BYTES AT MOST", "HOURS AT LEAST", "READ"],
    estimates.map(({ target, tags, bytes, hours, sampled }) => [
      target,
      String(tags),
      bytes === undefined ? "?" : prettyBytes(bytes),
      hours === undefined ? "? (no limits)" : hours.toFixed(1),
      `${sampled} of ${tags}`,
    ]),
  );

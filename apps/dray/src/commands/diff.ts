import type { Config } from "@drayage/config";
import { Database } from "@drayage/event-log";
import { type Difference, databaseBooks, noBooks, openAll, reconcile, routesOf } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { shortDigest } from "../output/short-digest.ts";
import { summary } from "../output/summary.ts";
import { json, table } from "../output/table.ts";
import type { Globals } from "../program.ts";

/** `dray diff`: both sides in full, nothing changed. 0 in step, 1 drift, 2 could not compare everything. */
export const diff = Effect.fnUntraced(function* (
  globals: Globals,
  options: { readonly route?: string | undefined; readonly target?: string | undefined },
) {
  const config = yield* configuration(globals);
  yield* checkNames(config, options);
  const registries = yield* openRegistries(config);
  const opened = yield* openAll(config, registries).pipe(Effect.mapError((error) => unable(error.message)));
  const scope = { kind: "full", ...options } as const;
  const differences: Array<Difference> = [];
  const report = yield* reconcile(
    {
      ...(yield* booksOf(config)),
      routes: routesOf(config, scope),
      registryOf: (name) => opened.get(name),
      onDifferences: (_, found) => Effect.sync(() => void differences.push(...found)),
    },
    scope,
  ).pipe(Effect.mapError((error) => unable(error.message)));

  if (globals.json === true) process.stdout.write(json({ ...report, differences }));
  else {
    if (differences.length > 0)
      process.stdout.write(table(["KIND", "TARGET", "SOURCE", "WANTED", "HELD"], differences.map(row)));
    process.stdout.write(`${summary(report)}\n`);
  }
  for (const problem of report.problems) process.stderr.write(`dray: ${problem}\n`);
  if (report.completeness === "incomplete") return ExitCode.unable;
  return differences.length === 0 ? ExitCode.ok : ExitCode.failed;
});

/** Ownership tells `different` from `conflict` and finds what is extra. Without a database that runs, the comparison goes on and says what it cannot see. */
const booksOf = Effect.fnUntraced(function* (config: Config) {
  return yield* Layer.build(databaseLayer(config, "guest")).pipe(
    Effect.map((services) => databaseBooks(Context.get(services, Database))),
    Effect.catch((error) => {
      process.stderr.write(
        `dray: without our own records (${error.message}): what is extra at a target cannot be told\n`,
      );
      return Effect.succeed(noBooks);
    }),
  );
});

const row = (one: Difference): ReadonlyArray<string> => [
  one.parked ? `${one.kind} (parked)` : one.kind,
  `${one.target}/${one.repository}:${one.tag}`,
  `${one.source.registry}/${one.source.repository}:${one.source.tag}`,
  shortDigest(one.wanted ?? "-"),
  shortDigest(one.held ?? "-"),
];

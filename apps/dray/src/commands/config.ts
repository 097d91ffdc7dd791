import { formatProblem, jsonSchema } from "@drayage/config";
import * as Effect from "effect/Effect";
import { load, notLoaded } from "../compose/load.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

/** `dray config check`: 0 when the configuration holds, 2 with one line for each problem (file, line, column, what, how to mend). */
export const check = Effect.fnUntraced(function* (globals: Globals, options: { readonly secrets: boolean }) {
  const loaded = yield* Effect.match(load(globals, options.secrets ? "required" : "optional"), {
    onSuccess: (good) => good,
    onFailure: (error) => error,
  });
  if ("problems" in loaded) {
    if (globals.json !== true) return yield* yield* notLoaded(globals, loaded);
    process.stdout.write(json({ ok: false, problems: loaded.problems }));
    return ExitCode.unable;
  }
  const { config, warnings } = loaded;
  const registries = Object.values(config.registries).map(({ name, type, url }) => ({ name, type, url: url.href }));
  const routes = config.routes.map((route) => ({
    name: route.name,
    from: route.from,
    to: route.to.map((to) => to.registry),
  }));
  if (globals.json === true) {
    process.stdout.write(json({ ok: true, revision: config.revision, registries, routes, warnings }));
    return ExitCode.ok;
  }
  for (const warning of warnings) process.stderr.write(`dray: warning: ${formatProblem(warning)}\n`);
  process.stdout.write(
    `ok: ${count(registries.length, "registry", "registries")}, ${count(routes.length, "route", "routes")}, revision ${config.revision}\n`,
  );
  for (const route of routes) process.stdout.write(`  ${route.name}: ${route.from} -> ${route.to.join(", ")}\n`);
  return ExitCode.ok;
});

const count = (amount: number, one: string, many: string): string => `${amount} ${amount === 1 ? one : many}`;

/** `dray config schema`: the JSON Schema of drayage.yaml, for editors. */
export const schema: Effect.Effect<ExitCode> = Effect.sync(() => {
  process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return ExitCode.ok;
});

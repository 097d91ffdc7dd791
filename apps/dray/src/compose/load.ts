import { type Config, type ConfigError, formatProblem, loadConfig } from "@drayage/config";
import * as Effect from "effect/Effect";
import { type CliError, unable } from "../cli-error.ts";
import type { Globals } from "../program.ts";

/** The configuration of a command: `--config`, then DRAYAGE_CONFIG, then ./drayage.yaml. Warnings go to stderr. */
export const configuration = Effect.fnUntraced(function* (globals: Globals): Effect.fn.Return<Config, CliError> {
  const { config, warnings } = yield* loadConfig({
    path: globals.config,
    env: process.env,
    cwd: process.cwd(),
    secrets: "required",
  }).pipe(Effect.mapError(notLoaded));
  for (const warning of warnings) process.stderr.write(`dray: warning: ${formatProblem(warning)}\n`);
  return config;
});

export const notLoaded = (error: ConfigError): CliError => unable(error.message);

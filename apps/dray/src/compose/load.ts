import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { type Config, type ConfigError, DEFAULT_FILE, formatProblem, type Loaded, loadConfig } from "@drayage/config";
import * as Effect from "effect/Effect";
import { type CliError, unable } from "../cli-error.ts";
import type { Globals } from "../program.ts";

/** What a person without a configuration is shown: the least that does something. Kept true by a test. */
export const SHORTEST = `version: 1
registries:
  lab: { type: oci, url: http://127.0.0.1:5000 }
  prod: { type: oci, url: https://registry.acme.example, auth: docker-config }
routes:
  - name: all
    from: lab
    to: [{ registry: prod, repository: "mirror/{repository}" }]
`;

/** The configuration of a command: `--config`, then DRAYAGE_CONFIG, then ./drayage.yaml. Warnings go to stderr. */
export const configuration = Effect.fnUntraced(function* (globals: Globals): Effect.fn.Return<Config, CliError> {
  const { config, warnings } = yield* Effect.catch(load(globals, "required"), (error) =>
    Effect.flatMap(notLoaded(globals, error), Effect.fail),
  );
  for (const warning of warnings) process.stderr.write(`dray: warning: ${formatProblem(warning)}\n`);
  return config;
});

export const load = (globals: Globals, secrets: "required" | "optional"): Effect.Effect<Loaded, ConfigError> =>
  loadConfig({ path: globals.config, env: process.env, cwd: process.cwd(), secrets });

/** A file that is not there is where most people begin: say where it was looked for, and how it begins. */
export const notLoaded = (globals: Globals, error: ConfigError): Effect.Effect<CliError> =>
  Effect.promise(async () => {
    const named = globals.config ?? (process.env["DRAYAGE_CONFIG"] || undefined);
    const file = resolve(named ?? DEFAULT_FILE);
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return unable(error.message);
    const where = globals.config !== undefined ? "from --config" : named !== undefined ? "from DRAYAGE_CONFIG" : "";
    return unable(
      `no configuration: ${file} is not there${where === "" ? "" : ` (${where})`}`,
      `--config names the file, else DRAYAGE_CONFIG, else ./${DEFAULT_FILE}. The shortest useful one:\n\n${SHORTEST}`,
    );
  });

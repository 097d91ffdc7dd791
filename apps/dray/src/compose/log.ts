import { loggingTo, logSettings } from "@drayage/runtime";
import type * as Layer from "effect/Layer";
import type { Globals } from "../program.ts";

/** The log of what runs, on stderr. The environment wins over `--json`, and both over what a command prefers. */
export const logOf = (
  globals: Globals,
  preferred: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Layer.Layer<never> =>
  loggingTo(
    logSettings(
      { ...preferred, ...(globals.json === true ? { DRAYAGE_LOG: "json" } : {}), ...env },
      process.stderr.isTTY === true,
    ),
    (line) => process.stderr.write(line),
  );

import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { everything } from "../compose/everything.ts";
import { configuration } from "../compose/load.ts";
import { logOf } from "../compose/log.ts";
import { ExitCode } from "../exit-code.ts";
import type { Globals } from "../program.ts";

/** `dray up`: everything in one process, until SIGTERM or Ctrl-C. */
export const up = Effect.fnUntraced(function* (globals: Globals) {
  const config = yield* configuration(globals);
  yield* everything({ config }).pipe(
    Effect.provide(Layer.provideMerge(databaseLayer(config, "owner"), logOf(globals))),
    Effect.mapError((error) => (error._tag === "CliError" ? error : unable(error.message))),
  );
  return ExitCode.ok;
});

import { userInfo } from "node:os";
import { retryParked } from "@drayage/delivery";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { databaseLayer, noDatabase } from "../compose/database.ts";
import { configuration } from "../compose/load.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

/** `dray retry`: parked deliveries become pending again, each with a `DeliveryRetried` in the log. Works beside `dray up`. */
export const retry = Effect.fnUntraced(function* (
  globals: Globals,
  ids: ReadonlyArray<string>,
  options: { readonly target?: string; readonly why: string },
) {
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined)
    return yield* unable(`"${wrong}" is no delivery`, "the numbers are in the PARKED column of dray status");
  const config = yield* configuration(globals);
  const retried = yield* retryParked({
    target: options.target,
    deliveries: ids.length === 0 ? undefined : ids,
    why: options.why,
    actor: `user:${userInfo().username}`,
  }).pipe(
    Effect.mapError((error) => unable(error.message)),
    Effect.provide(databaseLayer(config, "guest")),
    Effect.catchIf(
      (error) => error._tag !== "CliError",
      (error) => Effect.fail(noDatabase(error)),
    ),
  );
  process.stdout.write(
    globals.json === true ? json({ retried }) : `${retried.length} parked deliveries will be tried again\n`,
  );
  return ExitCode.ok;
});

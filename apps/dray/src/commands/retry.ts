import { userInfo } from "node:os";
import { retryParked } from "@drayage/delivery";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

/**
 * `dray retry`: parked deliveries become pending again, each with a `DeliveryRetried` in the log. Works beside `dray up`. Exit 1 when a
 * delivery that was named is not parked.
 */
export const retry = Effect.fnUntraced(function* (
  globals: Globals,
  ids: ReadonlyArray<string>,
  options: { readonly target?: string; readonly why: string },
) {
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined)
    return yield* unable(`"${wrong}" is no delivery`, "the numbers are in the PARKED column of dray status");
  const config = yield* configuration(globals);
  yield* checkNames(config, { target: options.target });
  const retried = yield* retryParked({
    target: options.target,
    deliveries: ids.length === 0 ? undefined : ids,
    why: options.why,
    actor: `user:${userName()}`,
  }).pipe(
    Effect.provide(databaseLayer(config, "guest")),
    Effect.mapError((error) => unable(error.message)),
  );
  const left = ids.filter((id) => !retried.some(({ delivery }) => delivery === String(BigInt(id))));
  const count = `${retried.length} parked ${retried.length === 1 ? "delivery" : "deliveries"} will be tried again\n`;
  process.stdout.write(globals.json === true ? json({ retried, notParked: left }) : count);
  for (const id of left) process.stderr.write(`dray: delivery ${id} is not parked\n`);
  return left.length === 0 ? ExitCode.ok : ExitCode.failed;
});

/** In a container the user id may have no name. */
const userName = (): string => {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"] ?? String(process.getuid?.());
  }
};

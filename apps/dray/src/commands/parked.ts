import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { act, byUser } from "../compose/acts.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

interface Options {
  readonly target?: string;
  readonly why: string;
}

/**
 * `dray retry`: parked deliveries become pending again, each with a `DeliveryRetried` in the log. Works beside `dray up`. Exit 1 when a
 * delivery that was named is not parked.
 */
export const retry = Effect.fnUntraced(function* (globals: Globals, ids: ReadonlyArray<string>, options: Options) {
  const { retried, notParked } = yield* change(globals, ids, options, "retry");
  return print(globals, { retried, notParked }, `${counted(retried.length)} will be tried again\n`);
});

/** `dray discard`: parked deliveries are given up, each with a `DeliveryDiscarded`. All of them by mistake is not possible. Exit as `retry`. */
export const discard = Effect.fnUntraced(function* (globals: Globals, ids: ReadonlyArray<string>, options: Options) {
  if (ids.length === 0 && options.target === undefined)
    return yield* unable("nothing was named", "name deliveries (dray status shows them), or --target");
  const { retried: discarded, notParked } = yield* change(globals, ids, options, "discard");
  return print(globals, { discarded, notParked }, `${counted(discarded.length)} were given up\n`);
});

const change = Effect.fnUntraced(function* (
  globals: Globals,
  ids: ReadonlyArray<string>,
  { target, why }: Options,
  what: "retry" | "discard",
) {
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined)
    return yield* unable(`"${wrong}" is no delivery`, "the numbers are in the PARKED column of dray status");
  const config = yield* configuration(globals);
  yield* checkNames(config, { target });
  const which = { target, deliveries: ids.length === 0 ? undefined : ids };
  const retried = yield* act(config, (acts) => acts[what](which, byUser(why)));
  return { retried, notParked: ids.filter((id) => !retried.some(({ delivery }) => delivery === String(BigInt(id)))) };
});

const counted = (count: number): string => `${count} parked ${count === 1 ? "delivery" : "deliveries"}`;

const print = (
  globals: Globals,
  result: Readonly<Record<string, unknown>> & { readonly notParked: ReadonlyArray<string> },
  line: string,
): ExitCode => {
  process.stdout.write(globals.json === true ? json(result) : line);
  for (const id of result.notParked) process.stderr.write(`dray: delivery ${id} is not parked\n`);
  return result.notParked.length === 0 ? ExitCode.ok : ExitCode.failed;
};

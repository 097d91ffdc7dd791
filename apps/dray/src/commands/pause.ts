import * as Effect from "effect/Effect";
import { act, byUser } from "../compose/acts.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

/** `dray pause`: no new work begins at a target, for every replicator of it. Works beside `dray up`. Exit 0 where it was paused already, too. */
export const pause = Effect.fnUntraced(function* (globals: Globals, target: string, why: string) {
  const config = yield* configuration(globals);
  yield* checkNames(config, { target });
  const changed = yield* act(config, (acts) => acts.pause(target, byUser(why)));
  const line = changed ? "is paused; what is being worked on is finished" : "was paused already";
  process.stdout.write(globals.json === true ? json({ target, paused: true, changed }) : `${target} ${line}\n`);
  return ExitCode.ok;
});

/** `dray resume`: goes on at once. */
export const resume = Effect.fnUntraced(function* (globals: Globals, target: string, why: string) {
  const config = yield* configuration(globals);
  yield* checkNames(config, { target });
  const changed = yield* act(config, (acts) => acts.resume(target, byUser(why)));
  const line = changed ? "goes on" : "was not paused";
  process.stdout.write(globals.json === true ? json({ target, paused: false, changed }) : `${target} ${line}\n`);
  return ExitCode.ok;
});

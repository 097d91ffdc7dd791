import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { act, byUser } from "../compose/acts.ts";
import { configuration } from "../compose/load.ts";
import { checkNames } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals, ReplayOptions } from "../program.ts";
import { start } from "./events.ts";

/** `dray replay`: what was asked of a target from a position or a time on is looked at again, as both sides are now. The dispatcher does it. */
export const replay = Effect.fnUntraced(function* (globals: Globals, { target, from, depth, why }: ReplayOptions) {
  const begin = yield* start(from, "--from");
  const config = yield* configuration(globals);
  yield* checkNames(config, { target });
  const at = "after" in begin ? begin.after : "since" in begin ? begin.since : undefined;
  if (at === undefined) return yield* unable("nothing says from where", "give --from");
  const { after } = yield* act(config, (acts) => acts.replay({ target, from: at, depth }, byUser(why)));
  const line = `${target}: all that was asked for after position ${after} will be looked at again\n`;
  process.stdout.write(globals.json === true ? json({ target, after, depth }) : line);
  return ExitCode.ok;
});

import { EVENT_TYPES } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { configuration } from "../compose/load.ts";
import { look, looks } from "../compose/reads.ts";
import { ExitCode } from "../exit-code.ts";
import { eventLine } from "../output/event-line.ts";
import { json } from "../output/table.ts";
import type { EventsOptions, Globals } from "../program.ts";

/** Shown without `--since`. */
const NEWEST_SHOWN = 50;
const PAGE = 1000;
/** The API is asked this often with `--follow`. */
const FOLLOW_EVERY = "500 millis";

/** `dray events`: the log, oldest first. `--follow` goes on until it is stopped. */
export const events = Effect.fnUntraced(function* (globals: Globals, options: EventsOptions) {
  const types = options.type;
  yield* checkTypes(types ?? []);
  const since = yield* start(options.since);
  const reads = yield* looks(yield* configuration(globals));
  const print = ({ events, head }: Awaited<ReturnType<typeof reads.events>>): number => {
    for (const event of events) process.stdout.write(globals.json === true ? json(event) : `${eventLine(event)}\n`);
    return events.at(-1)?.position ?? head;
  };
  // Without --since one page of the newest; else every page from there on.
  let page = yield* look(() => reads.events({ ...since, limit: since === NEWEST ? NEWEST_SHOWN : PAGE, types }));
  while (true) {
    const full = since !== NEWEST && page.events.length === PAGE;
    const after = print(page);
    if (!full && options.follow !== true) return ExitCode.ok;
    if (!full) yield* Effect.sleep(FOLLOW_EVERY);
    page = yield* look(() => reads.events({ after, limit: PAGE, types }));
  }
});

/** A name that is misspelt would match nothing, and look like silence. */
export const checkTypes = Effect.fnUntraced(function* (types: ReadonlyArray<string>) {
  const known = Object.entries(EVENT_TYPES).flat();
  const wrong = types.find((type) => !known.includes(type));
  if (wrong !== undefined)
    return yield* unable(`there is no event type ${wrong}`, `types are ${Object.keys(EVENT_TYPES).join(", ")}`);
});

export type Start = { readonly after: number } | { readonly since: Date } | typeof NEWEST;
export const NEWEST = {} as const;

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const start = (
  text: string | undefined,
  option = "--since",
): Effect.Effect<Start, ReturnType<typeof unable>> => {
  if (text === undefined) return Effect.succeed(NEWEST);
  if (/^\d+$/.test(text)) return Effect.succeed({ after: Number(text) });
  const ago = /^(\d+)([smhd])$/.exec(text);
  const unit = ago?.[2];
  if (unit === "s" || unit === "m" || unit === "h" || unit === "d") {
    return Effect.succeed({ since: new Date(Date.now() - Number(ago?.[1]) * UNITS[unit]) });
  }
  const time = Date.parse(text);
  return Number.isNaN(time)
    ? Effect.fail(
        unable(`${option} ${text}: neither a position, a time nor an age`, "write 1200, 2026-11-21T08:00:00Z or 2h"),
      )
    : Effect.succeed({ since: new Date(time) });
};

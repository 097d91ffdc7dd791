import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { configuration } from "../compose/load.ts";
import { type Looks, look, looks } from "../compose/reads.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { ExportOptions, Globals } from "../program.ts";
import { checkTypes, NEWEST, type Start, start } from "./events.ts";

const PAGE = 1000;

/** `dray events export`: a part of the log as JSON lines, as it was when the command began. */
export const exportEvents = Effect.fnUntraced(function* (globals: Globals, options: ExportOptions) {
  if (options.follow === true) return yield* unable("an export has an end", "use dray events --follow --json");
  yield* checkTypes(options.type ?? []);
  const from = yield* start(options.since);
  const until = yield* start(options.until, "--until");
  const reads = yield* looks(yield* configuration(globals));
  const out = yield* Effect.acquireRelease(open(options.output), (opened) => Effect.promise(opened.abandon));
  yield* look(async () => {
    for await (const lines of pages(reads, from === NEWEST ? { after: 0 } : from, until, options.type)) {
      await out.write(lines);
    }
    await out.close();
  });
  return ExitCode.ok;
});

/** Pages of lines, up to where the log ended at the first look, and to `until`. */
async function* pages(reads: Looks, from: Start, until: Start, types: ReadonlyArray<string> | undefined) {
  let page = await reads.events({ ...from, limit: PAGE, types });
  const end = page.head;
  for (;;) {
    const wanted = page.events.filter((event) => event.position <= end && isBefore(event, until));
    if (wanted.length > 0) yield wanted.map(json).join("");
    const last = page.events.at(-1);
    if (last === undefined || page.events.length < PAGE || wanted.length < page.events.length) return;
    page = await reads.events({ after: last.position, limit: PAGE, types });
  }
}

const isBefore = (event: { readonly position: number; readonly recordedat: string }, until: Start): boolean => {
  if ("after" in until) return event.position <= until.after;
  return !("since" in until) || new Date(event.recordedat) < until.since;
};

interface Output {
  readonly write: (text: string) => Promise<void>;
  /** Resolves when all of it is on the disk. */
  readonly close: () => Promise<void>;
  /** Does nothing after `close`. */
  readonly abandon: () => Promise<void>;
}

/** A file that exists is not written over: it may be the export of yesterday. */
const open = (path: string | undefined): Effect.Effect<Output, ReturnType<typeof unable>> => {
  if (path === undefined) {
    const nothing = async (): Promise<void> => {};
    return Effect.succeed({ write: (text) => put(process.stdout, text), close: nothing, abandon: nothing });
  }
  return Effect.tryPromise({
    try: async () => {
      const file = createWriteStream(path, { flags: "wx", mode: 0o600, flush: true });
      await once(file, "open");
      const close = async (): Promise<void> => {
        file.end();
        await finished(file);
      };
      return { write: (text: string) => put(file, text), close, abandon: async () => void file.destroy() };
    },
    catch: (cause) =>
      unable(
        `cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`,
        "name a file that does not exist",
      ),
  });
};

const put = async (stream: NodeJS.WritableStream, text: string): Promise<void> => {
  if (!stream.write(text)) await once(stream, "drain");
};

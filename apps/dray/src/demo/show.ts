import { makeReads } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Database, EventLog, type RecordedEvent } from "@drayage/event-log";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { failed } from "../cli-error.ts";
import { look } from "../compose/reads.ts";
import { eventLine } from "../output/event-line.ts";

/** Not level after this long is a failure of the demo. */
const LEVEL_MOST_MS = 30_000;
const LOOK_EVERY_MS = 20;

/** The log on the screen as it grows, and how to wait for it. */
export const show = Effect.fnUntraced(function* (config: Config, say: (text: string) => Effect.Effect<void>) {
  const log = yield* EventLog;
  const reads = makeReads(config, yield* Database, log);
  let shown = 0;
  const events = log.subscribe({ after: 0 }).pipe(
    Stream.runForEach(
      Effect.fnUntraced(function* (page) {
        for (const event of page) yield* say(eventLine(toLine(event)));
        shown = page.at(-1)?.position ?? shown;
      }),
    ),
    Effect.mapError((error) => failed(`the demo cannot read the log: ${error.message}`)),
  );
  const settled = Effect.gen(function* () {
    const deadline = (yield* Clock.currentTimeMillis) + LEVEL_MOST_MS;
    while (true) {
      const targets = yield* look(reads.targets);
      const { head } = yield* look(() => reads.events({ limit: 1, types: undefined }));
      if (targets.every(({ state }) => state === "level") && shown >= head) return;
      if ((yield* Clock.currentTimeMillis) > deadline) {
        const why = targets.flatMap(({ name, reasons }) => reasons.map((reason) => `${name}: ${reason}`));
        return yield* failed(`the targets are not level after ${LEVEL_MOST_MS / 1000} s: ${why.join("; ")}`);
      }
      yield* Effect.sleep(LOOK_EVERY_MS);
    }
  });
  return { events, settled };
});

const toLine = (event: RecordedEvent) => ({
  ...event,
  recordedat: event.recordedAt.toISOString(),
  data: { ...event.data },
});

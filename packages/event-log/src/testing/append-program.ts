/**
 * Owns the embedded database of the directory in its argument and appends without end, eight at a time. Says
 * `appended <id>` on a line once its append is answered: the promise that the tests hold it to after they have killed it.
 */
import { writeSync } from "node:fs";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { layerDatabase } from "../database/layer.ts";
import { EventLog } from "../log/event-log.ts";
import { eventLogMigrations } from "../log/migrations.ts";

const [dataDir = ""] = process.argv.slice(2);
const STDOUT = 1;

const appendForEver = Effect.gen(function* () {
  const log = yield* EventLog;
  const one = Effect.flatMap(log.append([{ type: "t", source: "s", data: { text: "x".repeat(300) } }]), ([appended]) =>
    // Synchronous: a line that is still in a buffer when we are killed would be a promise that nobody heard.
    Effect.sync(() => writeSync(STDOUT, `appended ${appended?.id}\n`)),
  );
  const patiently = Effect.catchTag(one, "LogUnavailable", () => Effect.sleep("20 millis"));
  yield* Effect.all(
    Array.from({ length: 8 }, () => Effect.forever(patiently)),
    { concurrency: "unbounded", discard: true },
  );
});

const layer = Layer.provideMerge(
  EventLog.layer,
  layerDatabase({ database: { _tag: "Embedded", dataDir }, instance: "test", migrations: [eventLogMigrations] }),
);
await Effect.runPromise(Effect.provide(appendForEver, layer));

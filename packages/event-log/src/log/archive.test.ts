import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerTestLog } from "../testing/test-database.ts";
import { advanceWithin } from "./checkpoint.ts";
import { cloudEvent } from "./cloud-event.ts";
import { EventLog } from "./event-log.ts";
import { PARTITION_POSITIONS, partitions } from "./partitions.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "archive-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const LATER = new Date(Date.now() + 60_000);
const onLog = (body: Effect.Effect<void, unknown, Database | EventLog>) => () =>
  Effect.runPromise(Effect.scoped(Effect.provide(body, layerTestLog())));

/** Three events in the first partition, of two types, and one in the next. */
const twoPartitions = Effect.gen(function* () {
  const log = yield* EventLog;
  const { kysely, attempt } = yield* Database;
  const first = yield* log.append(
    ["a", "b", "c"].map((subject) => ({
      type: subject === "b" ? "acted" : "other",
      source: "s",
      subject,
      data: { subject },
    })),
  );
  yield* attempt("go on", () => sql`select setval('event_position', ${2 * PARTITION_POSITIONS + 1})`.execute(kysely));
  yield* log.append([{ type: "other", source: "s", subject: "d", data: {} }]);
  return first.map(({ position }) => position);
});
const subjects = Effect.flatMap(Effect.service(EventLog), (log) =>
  Effect.map(log.read({ after: 0, limit: 99 }), (events) => events.map(({ subject }) => subject)),
);

describe("an archived partition", () => {
  it(
    "is a file of CloudEvents, and gone from the log; what comes after it stays",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { kysely, attempt } = yield* Database;
        yield* twoPartitions;
        const before = yield* log.read({ after: 0, limit: 3 });
        const [archived, ...more] = yield* log.archive({ before: LATER, directory, subscribers: [] });
        expect(more).toEqual([]);
        expect(archived).toMatchObject({ from: 0, events: 3 });
        const lines = gunzipSync(yield* Effect.promise(() => readFile(archived?.file ?? "")))
          .toString()
          .trimEnd()
          .split("\n");
        expect(lines.map((line) => JSON.parse(line))).toEqual(
          before.map((event) => JSON.parse(JSON.stringify(cloudEvent(event)))),
        );
        expect(yield* subjects).toEqual(["d"]);
        expect((yield* attempt("tables", () => partitions(kysely)))[0]?.from).toBe(archived?.to);
        const { rows } = yield* attempt("archives", () => sql`select events, file from event_archive`.execute(kysely));
        expect(rows).toEqual([{ events: 3, file: archived?.file }]);
        expect(yield* Effect.promise(() => readdir(directory))).toHaveLength(1);
        // Appends and reads go on as if nothing had been.
        yield* log.append([{ type: "acted", source: "s", subject: "e", data: {} }]);
        expect((yield* log.read({ after: 0, limit: 9, types: ["acted"] })).map(({ subject }) => subject)).toEqual([
          "e",
        ]);
        expect(yield* log.positionAt(new Date(0))).toBe(0);
      }),
    ),
  );

  it(
    "is none as long as one of its events is young, or it is not full",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        yield* log.append([{ type: "t", source: "s", subject: "alone", data: {} }]);
        expect(yield* log.archive({ before: LATER, directory, subscribers: [] })).toEqual([]);
        yield* twoPartitions;
        expect(yield* log.archive({ before: new Date(Date.now() - 60_000), directory, subscribers: [] })).toEqual([]);
        expect(yield* subjects).toEqual(["alone", "a", "b", "c", "d"]);
      }),
    ),
  );

  it(
    "is none as long as a subscriber has to act on one of its events",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        const { transaction } = yield* Database;
        const [a = 0, b = 0] = yield* twoPartitions;
        const subscribers = [{ name: "dispatch/x", types: ["acted"] }];
        const move = (from: number, to: number) =>
          transaction("move", (trx) => advanceWithin(trx, { subscriber: "dispatch/x", from, to }));
        yield* move(0, a);
        expect(yield* log.archive({ before: LATER, directory, subscribers })).toEqual([]);
        yield* move(a, b); // "c" is none of its business
        expect(yield* log.archive({ before: LATER, directory, subscribers })).toHaveLength(1);
      }),
    ),
  );

  it(
    "is not lost when its file cannot be written",
    onLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        yield* twoPartitions;
        const failure = yield* Effect.flip(
          log.archive({ before: LATER, directory: "/dev/null/archive", subscribers: [] }),
        );
        expect(failure.message).toMatch(/archive failed.*ENOTDIR/);
        expect(yield* subjects).toEqual(["a", "b", "c", "d"]);
      }),
    ),
  );
});

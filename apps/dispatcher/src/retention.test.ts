import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EVENT_TYPES } from "@drayage/domain";
import { advanceWithin, Database, EventLog } from "@drayage/event-log";
import { skipTo } from "@drayage/event-log/testing";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { append, pushed, test } from "./dispatcher.test-support.ts";
import { once } from "./retention.ts";

const DAY_MS = 86_400_000;
const followers = [{ subscriber: "dispatch/copy", types: [EVENT_TYPES.ImagePushed] }];
const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "retention-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
);
test("events older than asked for are archived once they are acted on; without a retention all stay", function* () {
  const log = yield* EventLog;
  const { transaction } = yield* Database;
  const dataDir = yield* folder;
  const position = yield* append(pushed("app:v1"));
  yield* skipTo(2_000_001); // so the partition before is full
  yield* append(pushed("app:v2"));
  const first = Effect.map(log.read({ after: 0, limit: 9 }), (events) => events.length);
  const keep = (events: number | undefined) => once({ retention: { raw: DAY_MS, events }, dataDir }, followers);
  yield* transaction("begin", (trx) => advanceWithin(trx, { subscriber: "dispatch/copy", to: 0 }));
  yield* keep(undefined);
  yield* keep(DAY_MS); // too young
  yield* keep(-DAY_MS); // as tomorrow: old enough, and still to be acted on
  expect(yield* first).toBe(2);
  yield* transaction("act", (trx) => advanceWithin(trx, { subscriber: "dispatch/copy", to: position }));
  yield* keep(-DAY_MS);
  expect(yield* first).toBe(1);
  expect(yield* Effect.promise(() => readdir(join(dataDir, "archive")))).toEqual(["events-0-2000000.jsonl.gz"]);
});

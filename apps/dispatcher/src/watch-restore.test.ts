import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deletesOff } from "@drayage/delivery";
import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { append, pushed, test } from "./dispatcher.test-support.ts";
import { lookForRestore } from "./watch-restore.ts";

test("given a mark of what was seen, when an older copy of the database is put back, then deletes are off", function* () {
  const { kysely } = yield* Database;
  const dataDir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "drayage-restore-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  );
  const look = lookForRestore({ instance: "prod", dataDir });
  const off = Effect.promise(() => deletesOff(kysely, "east"));
  yield* append(pushed("app:v1"));
  yield* look;
  const last = 1 + (yield* append(pushed("app:v2")));
  yield* look;
  expect(yield* off).toBeUndefined();
  // What another process wrote before the copy was put back: the log went on by one event.
  const mark = { instance: "prod", position: last, id: "0197b3a0-0000-7000-8000-000000000000" };
  yield* Effect.promise(() => writeFile(join(dataDir, "log-mark.json"), JSON.stringify(mark)));
  yield* look;
  expect(yield* off).toContain(`the log lacks event ${last}`);
  yield* look; // the new mark is of the log as it is now: a reconciliation after this one turns them on again
  expect(yield* off).toContain(`the log lacks event ${last}`);
});

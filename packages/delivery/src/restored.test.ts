import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeEvent } from "@drayage/domain";
import { advanceWithin, Database, EventLog } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { sql } from "kysely";
import { describe, expect } from "vitest";
import { deliveryMigrations } from "./migrations.ts";
import { makePostgresFixture } from "./postgres.test-support.ts";
import { noticeRestore, readMark, writeMark } from "./restored.ts";
import { takeOne } from "./testing/fixture.ts";
import { sampleRequest } from "./testing/samples.ts";

const services = layerTestLog({ migrations: [deliveryMigrations] });
const test = (
  name: string,
  body: () => Generator<Effect.Effect<unknown, unknown, Database | EventLog | Scope.Scope>, void, never>,
) => it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(services)), 60_000);

const append = (revision: string) =>
  Effect.flatMap(EventLog, (log) =>
    log.append([{ ...encodeEvent({ _tag: "ConfigurationApplied", revision }), source: "/test" }]),
  );
/** What becomes of a deletion that is asked for now. */
const permit = Effect.gen(function* () {
  const fixture = makePostgresFixture(yield* Database);
  const { kysely } = yield* Database;
  yield* Effect.promise(() => sql`delete from delivery`.execute(kysely));
  yield* fixture.request([sampleRequest("app:v1", 1)]);
  return yield* fixture.bus.permitDelete(yield* takeOne(fixture), 1, 0);
});
/** A complete reconciliation of the target, as `markReconciled` writes it. */
const reconciled = Effect.gen(function* () {
  const [appended] = yield* append("reconciled");
  const { transaction } = yield* Database;
  const mark = { subscriber: "reconcile/complete/east/0123456789abcdef", to: appended?.position ?? 0 };
  yield* transaction("reconciled", (trx) => advanceWithin(trx, mark));
});
const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "drayage-mark-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
);

describe("our own database, restored from a backup", () => {
  test("given nothing happened, then nothing is off", function* () {
    expect(yield* noticeRestore(undefined)).toBeUndefined();
    expect(yield* permit).toEqual({ _tag: "Granted" });
  });

  test("given another cluster or timeline, then nothing is deleted, from the first question on, until a complete comparison", function* () {
    const { kysely } = yield* Database;
    yield* reconciled; // before the restore: it says nothing
    for (const change of [sql`system = '1'`, sql`timeline = timeline + 1`]) {
      yield* Effect.promise(() => sql`update epoch set ${change}`.execute(kysely));
      expect(yield* permit).toMatchObject({ _tag: "Off", why: expect.stringContaining("was restored") });
      expect(yield* noticeRestore(undefined)).toContain("was restored");
      expect(yield* noticeRestore(undefined)).toBeUndefined(); // known
      expect(yield* permit).toMatchObject({ _tag: "Off", why: expect.stringContaining("east") });
      yield* reconciled;
      expect(yield* permit).toEqual({ _tag: "Granted" });
    }
  });

  test("given a log without an event that this machine has seen, then it is noticed, also when it has grown since", function* () {
    const { kysely } = yield* Database;
    const file = join(yield* folder, "below", "mark.json");
    yield* append("one");
    yield* append("two");
    yield* writeMark(file, "prod");
    const mark = yield* readMark(file, "prod");
    expect(mark).toMatchObject({ instance: "prod", position: 2 });
    expect(yield* readMark(file, "other")).toBeUndefined();
    expect(yield* noticeRestore(mark)).toBeUndefined();
    // The backup is older than event 2; another event has taken its place since.
    yield* Effect.promise(() => sql`delete from event where position = 2`.execute(kysely));
    expect(yield* noticeRestore(mark)).toBe("the log lacks event 2, which this machine has seen");
    yield* append("three");
    expect(yield* noticeRestore(mark)).toContain("lacks event 2");
    yield* Effect.promise(() => sql`update event set position = 2 where position = 3`.execute(kysely));
    expect(yield* noticeRestore(mark)).toContain("lacks event 2");
    expect(yield* permit).toMatchObject({ _tag: "Off", why: expect.stringContaining("lacks event 2") });
    yield* Effect.promise(() => sql`delete from event`.execute(kysely));
    expect(yield* noticeRestore(mark)).toContain("lacks event 2"); // all of it
  });

  test("given an old mark whose event was archived with all before it, then that is no restore", function* () {
    const { kysely } = yield* Database;
    const file = join(yield* folder, "mark.json");
    yield* append("one");
    yield* writeMark(file, "prod");
    yield* append("two");
    yield* Effect.promise(() => sql`delete from event where position = 1`.execute(kysely));
    expect(yield* noticeRestore(yield* readMark(file, "prod"))).toBeUndefined();
  });

  test("given a mark that is damaged, then it is none", function* () {
    const file = join(yield* folder, "mark.json");
    for (const text of ["", "{", "null", "[]", '{"instance":"prod"}', '{"instance":"prod","position":1.5,"id":"x"}']) {
      yield* Effect.promise(() => writeFile(file, text));
      expect(yield* readMark(file, "prod")).toBeUndefined();
    }
  });
});

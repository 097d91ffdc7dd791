import { readBooks } from "@drayage/delivery";
import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import {
  contextOf,
  deliver,
  digest,
  eventsOf,
  MIRROR,
  put,
  route,
  select,
  testWithLog,
  world,
} from "./reconciler.test-support.ts";
import { reconcileAndAppend } from "./run.ts";

const FULL = { kind: "full" } as const;

const owned = Effect.fnUntraced(function* (target: string) {
  const database = yield* Database;
  const books = yield* database.attempt("read books", () => readBooks(database.kysely, target, "copy/app"));
  return books.filter((book) => book.owned.length > 0).map(({ tag, owned: digests }) => [tag, ...digests]);
});

testWithLog(
  "what was there before us and equals its source becomes ours, once, and then follows deletions",
  function* () {
    const lab = yield* world;
    put(lab.source, "app:v1", "a");
    put(lab.source, "app:v2", "b");
    put(lab.source, "app:on-its-way", "a");
    put(lab.east, "copy/app:v1", "a");
    put(lab.east, "copy/app:v2", "stranger");
    put(lab.east, "copy/app:on-its-way", "a");
    yield* deliver("east", "app:on-its-way");
    const context = yield* contextOf(lab, [route({ select: select("app"), deletes: MIRROR })]);

    const first = yield* reconcileAndAppend(context, FULL);
    expect(first.drift).toEqual({ conflict: 1 });
    expect(yield* eventsOf("TagAdopted")).toMatchObject([
      {
        target: "east",
        repository: "copy/app",
        tag: "v1",
        digest: digest("a"),
        source: { registry: "source", repository: "app", tag: "v1" },
        reconciliation: first.reconciliation,
      },
    ]);
    expect(yield* owned("east")).toEqual([["v1", digest("a")]]);

    yield* reconcileAndAppend(context, FULL);
    expect(yield* eventsOf("TagAdopted")).toHaveLength(1);

    lab.source.deleteTag("app", "v1");
    const last = yield* reconcileAndAppend(context, FULL);
    expect(last.drift).toEqual({ conflict: 1, extra: 1 });
  },
);

testWithLog("`existing: report` leaves what is equal to whoever put it there", function* () {
  const lab = yield* world;
  put(lab.source, "app:v1", "a");
  put(lab.east, "copy/app:v1", "a");
  const context = yield* contextOf(lab, [route({ select: select("app"), existing: "report" })]);
  yield* reconcileAndAppend(context, FULL);
  expect(yield* eventsOf("TagAdopted")).toEqual([]);
  expect(yield* owned("east")).toEqual([]);
});

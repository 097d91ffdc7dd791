import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { createTestDatabase } from "../testing/test-server.ts";
import { DatabaseRefused } from "./errors.ts";
import { type Migrations, migrate, plan } from "./migrate.ts";
import { openPool } from "./pool.ts";

const nothing = { up: async () => {} };
const names = (sets: ReadonlyArray<Migrations>, applied: ReadonlyArray<string>) => {
  const found = plan(sets, new Set(applied));
  return found instanceof DatabaseRefused ? found.reason : found.map(([name]) => name);
};

describe("the plan", () => {
  const log: Migrations = { "log/0002": nothing, "log/0001": nothing };
  const work: Migrations = { "delivery/0001": nothing };
  it("takes sets as they are given and steps by number", () => {
    expect(names([log, work], [])).toEqual(["log/0001", "log/0002", "delivery/0001"]);
  });
  it("goes on in each set where it stopped", () => {
    expect(names([log, work], ["log/0001", "delivery/0001"])).toEqual(["log/0002"]);
  });
  it("leaves alone what a newer version has applied", () => {
    expect(names([log], ["log/0001", "log/0002", "log/0003", "other/0001"])).toEqual([]);
  });
  it("refuses a database in which a step was left out", () => {
    expect(names([log], ["log/0002"])).toBe("migrations");
  });
  it.each([
    ["a name without a number", [{ log: nothing }]],
    ["two sets in one", [{ "a/0001": nothing, "b/0001": nothing }]],
    ["the same set twice", [{ "a/0001": nothing }, { "a/0001": nothing }]],
  ])("refuses %s", (_, sets: ReadonlyArray<Migrations>) => {
    expect(names(sets, [])).toBe("migrations");
  });
});

describe("migrate", () => {
  const step = (text: string) => ({
    up: async (db: Parameters<Migrations[string]["up"]>[0]) => void (await sql.raw(text).execute(db)),
  });
  const first: Migrations = { "a/0001": step("create table a (n int)") };
  const second: Migrations = { ...first, "a/0002": step("insert into a values (2)") };
  const dependent: Migrations = { "b/0001": step("create table b as select * from a") };

  it("applies each step once, however many start at the same time and with whatever version", {
    timeout: 30_000,
  }, async () => {
    const { url, drop } = await createTestDatabase();
    const starts = [[first], [second], [second, dependent], [first, dependent], [second, dependent]];
    await Effect.runPromise(
      Effect.forEach(starts, (sets) => migrate(url, sets), { concurrency: "unbounded", discard: true }),
    );
    const counted = Effect.gen(function* () {
      const db = yield* openPool(url, "test", 1);
      return yield* Effect.promise(() => sql<{ n: number }>`select count(*) as n from a`.execute(db));
    });
    expect((await Effect.runPromise(Effect.scoped(counted))).rows).toEqual([{ n: 1 }]);
    await drop();
  });

  it("leaves nothing of a step that fails, and does it the next time", { timeout: 30_000 }, async () => {
    const { url, drop } = await createTestDatabase();
    const broken: Migrations = { ...first, "a/0002": step("create table c (n int); select 1/0") };
    const error = await Effect.runPromise(Effect.flip(migrate(url, [broken])));
    expect(error).toMatchObject({ _tag: "DatabaseError", code: "22012", transient: false });
    await Effect.runPromise(migrate(url, [{ ...first, "a/0002": step("create table c (n int)") }]));
    await drop();
  });
});

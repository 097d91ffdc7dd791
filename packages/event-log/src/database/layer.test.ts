import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { sql } from "kysely";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { layerTestDatabase } from "../testing/test-database.ts";
import { createTestDatabase } from "../testing/test-server.ts";
import type { DatabaseUrl } from "./connection.ts";
import { Database } from "./database.ts";
import { BrokenInvariant } from "./errors.ts";
import { type DatabaseOptions, layerDatabase } from "./layer.ts";
import type { Migrations } from "./migrate.ts";

const TEST = { timeout: 30_000 };
const things: Migrations = {
  "thing/0001": { up: async (db) => void (await sql`create table thing (n bigint)`.execute(db)) },
};
const run = <A, E>(body: Effect.Effect<A, E, Database | Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(Effect.provide(body, layerTestDatabase({ migrations: [things] }))));
const options = (url: DatabaseUrl, more: Partial<DatabaseOptions> = {}): DatabaseOptions => ({
  database: { _tag: "Server", url },
  instance: "one",
  migrations: [],
  ...more,
});
const open = (given: DatabaseOptions) => Effect.scoped(Effect.provide(Effect.service(Database), layerDatabase(given)));
const refusal = (given: DatabaseOptions) => Effect.runPromise(Effect.flip(open(given)));
const command = async (url: DatabaseUrl, statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: Redacted.value(url) });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};

describe("a database is refused", () => {
  it("when it belongs to another instance, and is not changed", TEST, async () => {
    const { url, drop } = await createTestDatabase();
    await Effect.runPromise(open(options(url)));
    const refused = await refusal(options(url, { instance: "two", migrations: [things] }));
    expect(refused).toMatchObject({ _tag: "DatabaseRefused", reason: "other-instance" });
    expect(await refusal(options(url, { instance: "two", observer: "guest" }))).toEqual(refused);
    await Effect.runPromise(open(options(url, { observer: "guest" })));
    await expect(command(url, "select from thing")).rejects.toThrow("does not exist");
    await drop();
  });
  it("when a commit does not wait for the disk", TEST, async () => {
    const { url, drop } = await createTestDatabase();
    await command(
      url,
      `alter database "${new URL(Redacted.value(url)).pathname.slice(1)}" set synchronous_commit = off`,
    );
    expect(await refusal(options(url))).toMatchObject({ _tag: "DatabaseRefused", reason: "not-durable" });
    await drop();
  });
  it.each(["mysql://u:s3cret@h/d", "s3cret"])("when its URL is none, without repeating it", async (text) => {
    const refused = await refusal(options(Redacted.make(text)));
    expect(refused).toMatchObject({ _tag: "DatabaseRefused", reason: "invalid-url" });
    expect(JSON.stringify(refused) + refused.message + String(refused)).not.toContain("s3cret");
  });
  it("when it does not exist, without waiting and without its password", TEST, async () => {
    const { url, drop } = await createTestDatabase();
    await drop();
    const gone = new URL(Redacted.value(url));
    gone.password = "s3cret";
    const error = await refusal(options(Redacted.make(gone.href)));
    expect(error).toMatchObject({ _tag: "DatabaseError", code: "3D000", transient: false });
    expect(JSON.stringify(error) + error.message).not.toContain("s3cret");
  });
});

describe("values", () => {
  it("a bigint is a number, and a defect when it is not a safe one", TEST, () =>
    run(
      Effect.gen(function* () {
        const { kysely, attempt } = yield* Database;
        const read = (text: string) => attempt("read", () => sql`select ${sql.raw(text)}::bigint as n`.execute(kysely));
        expect((yield* read("9007199254740991")).rows).toEqual([{ n: 9007199254740991 }]);
        const exit = yield* Effect.exit(read("9007199254740992"));
        expect(exit._tag === "Failure" && exit.cause.reasons[0]).toMatchObject({ defect: expect.any(BrokenInvariant) });
      }),
    ),
  );
});

describe("a transaction", () => {
  const count = Effect.flatMap(Effect.service(Database), ({ kysely, attempt }) =>
    Effect.map(
      attempt("count", () => sql<{ n: number }>`select count(*) as n from thing`.execute(kysely)),
      ({ rows }) => rows[0]?.n,
    ),
  );
  const insert = sql`insert into thing values (1)`;

  it("commits what a promise or an effect did, and gives its value back", TEST, () =>
    run(
      Effect.gen(function* () {
        const { transaction, attempt } = yield* Database;
        expect(yield* transaction("a", (trx) => insert.execute(trx).then(() => "promise"))).toBe("promise");
        const body = yield* transaction("b", (trx) =>
          Effect.as(
            attempt("i", () => insert.execute(trx)),
            "effect",
          ),
        );
        expect(body).toBe("effect");
        expect(yield* count).toBe(2);
      }),
    ),
  );
  it("rolls back on failure, rejection, defect and interruption, and gives the connection back each time", TEST, () =>
    run(
      Effect.gen(function* () {
        const { transaction } = yield* Database;
        // More rounds than the pool has connections: one that is not given back would show.
        for (let round = 0; round < 12; round++) {
          const doing = (end: Effect.Effect<void, string>) =>
            transaction("t", (trx) =>
              Effect.andThen(
                Effect.promise(() => insert.execute(trx)),
                end,
              ),
            );
          expect(yield* Effect.flip(doing(Effect.fail("no")))).toBe("no");
          expect((yield* Effect.exit(doing(Effect.die("bug"))))._tag).toBe("Failure");
          const rejected = yield* Effect.flip(
            transaction("t", async (trx) => {
              await insert.execute(trx);
              await sql`select 1/0`.execute(trx);
            }),
          );
          expect(rejected.code).toBe("22012");
          const inside = yield* Deferred.make<void>();
          const fiber = yield* Effect.forkChild(
            doing(Effect.andThen(Deferred.succeed(inside, undefined), Effect.never)),
          );
          yield* Deferred.await(inside);
          yield* Fiber.interrupt(fiber);
        }
        expect(yield* count).toBe(0);
      }),
    ),
  );
  it("does nothing more once it was interrupted, however many steps its promise still has", TEST, () =>
    run(
      Effect.gen(function* () {
        const { transaction, kysely, attempt } = yield* Database;
        const ended = Promise.withResolvers<string>();
        const begun = yield* Deferred.make<void>();
        const fiber = yield* Effect.forkChild(
          transaction("t", async (trx) => {
            const step = async () => {
              await insert.execute(trx);
              Deferred.doneUnsafe(begun, Effect.void);
              await sql`select pg_sleep(0.2)`.execute(trx);
              await insert.execute(trx); // outside of a transaction this would stay
            };
            await step().then(
              () => ended.resolve("went through"),
              () => ended.resolve("was refused"),
            );
          }),
        );
        yield* Deferred.await(begun);
        yield* Fiber.interrupt(fiber);
        expect(yield* Effect.promise(() => ended.promise)).toBe("was refused");
        // Every connection of the pool, so that the one it had is among them.
        const busy = Array.from({ length: 10 }, () =>
          attempt("busy", () => sql`select pg_sleep(0.05)`.execute(kysely)),
        );
        yield* Effect.all(busy, { concurrency: "unbounded" });
        expect(yield* count).toBe(0);
      }),
    ),
  );
  it("fails as transient when its connection is lost, and the pool goes on", TEST, () =>
    run(
      Effect.gen(function* () {
        const { transaction } = yield* Database;
        const lost = yield* Effect.flip(
          transaction("t", (trx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(trx)),
        );
        expect(lost).toMatchObject({ _tag: "DatabaseError", transient: true });
        expect(yield* count).toBe(0);
      }),
    ),
  );
});

describe("listen", () => {
  it("hears what is sent, and again after the connection was lost", TEST, () =>
    run(
      Effect.gen(function* () {
        const { listen, kysely, attempt } = yield* Database;
        const heard: Array<string> = [];
        let connections = 0;
        let changed = yield* Deferred.make<void>();
        const change = (): void => void Deferred.doneUnsafe(changed, Effect.void);
        const until = (condition: () => boolean) =>
          Effect.gen(function* () {
            while (!condition()) {
              yield* Deferred.await(changed);
              changed = yield* Deferred.make<void>();
            }
          });
        const hear = (channel: string) =>
          listen(channel, {
            onPayload: (payload) => {
              heard.push(`${channel} ${payload}`);
              change();
            },
            onConnect: () => {
              connections++;
              change();
            },
          });
        const send = (channel: string, payload: string) =>
          attempt("notify", () => sql`select pg_notify(${channel}, ${payload})`.execute(kysely));
        yield* hear("first");
        yield* hear("second");
        yield* until(() => connections >= 2);
        yield* send("first", "1");
        yield* send("second", "2");
        yield* until(() => heard.length === 2);
        const before = connections;
        yield* attempt("kill", () =>
          sql`select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and application_name = 'drayage listen'`.execute(kysely),
        );
        yield* until(() => connections >= before + 2);
        yield* send("first", "3");
        yield* until(() => heard.length === 3);
        expect(heard).toEqual(["first 1", "second 2", "first 3"]);
      }),
    ),
  );
});

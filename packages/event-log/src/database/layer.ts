import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import type { Kysely } from "kysely";
import { type EmbeddedFailure, NotRunning } from "../embedded/errors.ts";
import { openEmbedded } from "../embedded/open.ts";
import { readSettings, refusalOf } from "./check-server.ts";
import { checkUrl, type DatabaseUrl, POOL_CONNECTIONS_MAX } from "./connection.ts";
import { Database, type DatabaseShape, type OnAppended } from "./database.ts";
import { type DatabaseError, type DatabaseRefused, toDatabaseError } from "./errors.ts";
import { claimInstance, databaseMigrations, instanceOf, refuseOther } from "./instance.ts";
import { makeListen } from "./listen.ts";
import { type Migrations, migrate } from "./migrate.ts";
import { openPool } from "./pool.ts";
import { makeTransaction } from "./transaction.ts";

export interface DatabaseOptions {
  readonly database:
    | { readonly _tag: "Server"; readonly url: DatabaseUrl }
    | {
        readonly _tag: "Embedded";
        /** Holds the files of the server, its log, and who owns it. Made when it is missing. */
        readonly dataDir: string;
        /** As root: the users to run the server as, the first that exists. Default `postgres`, then `nobody`. */
        readonly users?: ReadonlyArray<string> | undefined;
      };
  /** Name of this installation; the database remembers the first and refuses others. */
  readonly instance: string;
  /** Tables of the packages in use, in the order of their dependencies, e.g. `[eventLogMigrations, deliveryMigrations]`. */
  readonly migrations: ReadonlyArray<Migrations>;
  /**
   * `owner` (default) migrates, and starts and stops an embedded server. `guest` does neither: it looks at what runs.
   */
  readonly observer?: "owner" | "guest" | undefined;
  /** Shown in `pg_stat_activity`. Default `drayage`. */
  readonly applicationName?: string | undefined;
  /** Told the types of events after the commit that appended them, whoever of this process did: for a metric. */
  readonly onAppended?: OnAppended | undefined;
  /** Connections of the pool, one more is used to listen. Default 10. */
  readonly connectionsMax?: number | undefined;
}

export type DatabaseFailure = DatabaseError | DatabaseRefused | EmbeddedFailure;

/** A server that starts beside us (compose, a failover) is waited for; what is still away then is an error for people. */
const FIRST_CONNECT_SCHEDULE = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.upTo({ duration: "15 seconds" }),
);

const UNDEFINED_TABLE = "42P01";

const connection = (options: DatabaseOptions): Effect.Effect<DatabaseUrl, DatabaseFailure, Scope.Scope> => {
  const { database } = options;
  if (database._tag === "Embedded") {
    const embedded = openEmbedded({
      dataDir: database.dataDir,
      role: options.observer ?? "owner",
      users: database.users,
    });
    return Effect.map(embedded, (opened) => opened.url);
  }
  const refused = checkUrl(database.url);
  return refused === undefined ? Effect.succeed(database.url) : Effect.fail(refused);
};

const unless = <E>(refused: E | undefined): Effect.Effect<void, E> =>
  refused === undefined ? Effect.void : Effect.fail(refused);

const attempt: DatabaseShape["attempt"] = (operation, f) =>
  Effect.tryPromise({ try: f, catch: toDatabaseError(operation) });

/** Checks, migrates and claims, in this order: a database that is refused is not changed. */
const prepare = Effect.fnUntraced(function* (db: Kysely<object>, url: DatabaseUrl, options: DatabaseOptions) {
  const settings = attempt("connect", () => readSettings(db));
  yield* unless(
    refusalOf(yield* Effect.retry(settings, { schedule: FIRST_CONNECT_SCHEDULE, while: (e) => e.transient })),
  );
  if (options.observer === "guest") {
    const held = yield* attempt("read instance", () => instanceOf(db));
    return yield* unless(refuseOther(held, options.instance));
  }
  yield* migrate(url, [databaseMigrations]);
  const held = yield* attempt("claim instance", () => claimInstance(db, options.instance));
  yield* unless(refuseOther(held, options.instance));
  yield* migrate(url, options.migrations);
});

/** A guest that comes between the start of the server and its migrations finds no tables. */
const forGuest = (error: DatabaseError | DatabaseRefused, { database, observer }: DatabaseOptions): DatabaseFailure =>
  observer === "guest" &&
  database._tag === "Embedded" &&
  error._tag === "DatabaseError" &&
  error.code === UNDEFINED_TABLE
    ? new NotRunning({ dataDir: database.dataDir, detail: "its owner is still setting it up" })
    : error;

/** Makes the `Database` service; closing the scope ends its connections, and the embedded server when we own it. */
export const layerDatabase = (options: DatabaseOptions): Layer.Layer<Database, DatabaseFailure> =>
  Layer.effect(
    Database,
    Effect.gen(function* () {
      const applicationName = options.applicationName ?? "drayage";
      const url = yield* connection(options);
      const kysely = yield* openPool(url, applicationName, options.connectionsMax ?? POOL_CONNECTIONS_MAX);
      yield* Effect.mapError(prepare(kysely, url, options), (error) => forGuest(error, options));
      const listen = yield* makeListen(url, applicationName);
      const onAppended = options.onAppended ?? (() => {});
      return Database.of({
        kysely,
        url,
        attempt,
        transaction: makeTransaction(kysely, onAppended),
        listen,
        onAppended,
      });
    }),
  );

import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from "kysely";
import pg from "pg";
import { type DatabaseUrl, poolConfig } from "./connection.ts";
import { nameOf } from "./named.ts";

/** A pool that is asked to end waits for its clients; one that hangs must not hold up the shutdown. */
const POOL_END_MS = 5_000;

/**
 * Without these listeners a lost connection ends the process: the pool reports those that are idle, a connection in use
 * reports itself. The pool drops it in both cases, and its query rejects; the next one gets a new connection.
 */
export const tolerateLoss = (pool: pg.Pool): void => {
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
};

/** What pg says when it gave up waiting for an answer (`query_timeout`). */
const GAVE_UP = "Query read timeout";

/**
 * After a query timed out on our side its answer may still come, so nothing more is sent on that connection, and it is
 * closed instead of going back to the pool.
 */
export const discarding = (client: PostgresPoolClient): PostgresPoolClient => {
  const ask = asking(client);
  let abandoned: Error | undefined;
  const send = async <R>(text: string, parameters: ReadonlyArray<unknown>): Promise<PostgresQueryResult<R>> => {
    if (abandoned !== undefined) throw abandoned;
    try {
      return await ask<R>(text, parameters);
    } catch (error) {
      if (error instanceof Error && error.message === GAVE_UP) abandoned = error;
      throw error;
    }
  };
  function query<R>(text: string, parameters: ReadonlyArray<unknown>): Promise<PostgresQueryResult<R>>;
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  function query<R>(what: string | PostgresCursor<R>, parameters?: ReadonlyArray<unknown>) {
    return typeof what === "string" ? send<R>(what, parameters ?? []) : client.query<R>(what);
  }
  return { query, release: (destroy) => client.release(destroy === true || abandoned !== undefined) };
};

/** Kysely knows of statements without a name only; the driver's own clients take one as well. */
const asking =
  (client: PostgresPoolClient) =>
  async <R>(text: string, parameters: ReadonlyArray<unknown>): Promise<PostgresQueryResult<R>> => {
    const name = nameOf(text);
    if (name === undefined || !(client instanceof pg.Client)) return client.query<R>(text, parameters);
    const { rows } = await client.query({ name, text, values: [...parameters] });
    return { command: "SELECT", rowCount: rows.length, rows: rows as Array<R> };
  };

/** A pool and Kysely on it, ended with the scope. Nothing connects yet. */
export const openPool = (
  url: DatabaseUrl,
  applicationName: string,
  connectionsMax: number,
): Effect.Effect<Kysely<object>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const opened = new pg.Pool(poolConfig(url, applicationName, connectionsMax));
        tolerateLoss(opened);
        return opened;
      }),
      (opened) =>
        Effect.ignore(
          Effect.timeout(
            Effect.promise(() => opened.end()),
            POOL_END_MS,
          ),
        ),
    );
    const forKysely: PostgresPool = {
      options: pool.options,
      connect: async () => discarding(await pool.connect()),
      end: () => pool.end(),
    };
    return new Kysely<object>({ dialect: new PostgresDialect({ pool: forKysely, controlClient: pg.Client }) });
  });

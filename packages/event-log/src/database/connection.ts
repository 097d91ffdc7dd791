import * as Redacted from "effect/Redacted";
import pg from "pg";
import { BrokenInvariant, DatabaseRefused } from "./errors.ts";

/** Where a database is. The URL holds the password. */
export type DatabaseUrl = Redacted.Redacted<string>;

/** No statement of ours runs longer than a second on a healthy server; a delete of a large batch on a slow disk may take some. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** On our side, for a server that has gone without a word: later than the server's own limit, which leaves a usable connection. */
export const QUERY_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 10_000;
/** A transaction that was left open (a process that was suspended) holds locks that all others wait for. */
const IDLE_IN_TRANSACTION_MS = 20_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/** The first TCP probe of an idle connection: before the idle limit of common load balancers (60 s). */
const KEEP_ALIVE_DELAY_MS = 30_000;
/** 100 connections is PostgreSQL's default for a server; five processes of ours and a person must fit. */
export const POOL_CONNECTIONS_MAX = 10;

const INT8 = 20; // oid of bigint: positions and counts
const parseInt8 = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new BrokenInvariant(`bigint ${text} does not fit a JavaScript number`);
  return value;
};

/** bigint as a number, asserted to be safe; all else as pg does it. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === INT8 && format !== "binary" ? parseInt8 : pg.types.getTypeParser(oid, format),
};

/** What every connection of ours has in common. A named application can be told apart in `pg_stat_activity`. */
export const clientConfig = (url: DatabaseUrl, applicationName: string): pg.ClientConfig => ({
  connectionString: Redacted.value(url),
  application_name: applicationName,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  types,
});

export const poolConfig = (url: DatabaseUrl, applicationName: string, connectionsMax: number): pg.PoolConfig => ({
  ...clientConfig(url, applicationName),
  max: connectionsMax,
  statement_timeout: STATEMENT_TIMEOUT_MS,
  query_timeout: QUERY_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
});

/** Refuses what pg would misread, without ever repeating the URL: it may hold a password. */
export const checkUrl = (url: DatabaseUrl): DatabaseRefused | undefined => {
  const text = Redacted.value(url);
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return undefined;
  return new DatabaseRefused({
    reason: "invalid-url",
    detail: "the database must be a URL such as postgres://user:password@host:5432/drayage",
  });
};

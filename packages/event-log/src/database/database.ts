import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import type { Kysely } from "kysely";
import type { DatabaseUrl } from "./connection.ts";
import type { DatabaseError } from "./errors.ts";
import type { Listen } from "./listen.ts";
import type { RunTransaction } from "./transaction.ts";

/** One PostgreSQL database for log, deliveries and read models: checked to be durable and to be ours. */
export interface DatabaseShape {
  /**
   * Knows no table. A package with tables says `kysely.withTables<Tables>()`. A bigint comes back as a safe number.
   * Statements are limited to 30 s.
   */
  readonly kysely: Kysely<object>;
  /** For a process that has to be told. Holds the password of a server. */
  readonly url: DatabaseUrl;
  /** A query as an effect: `attempt("read deliveries", () => query.execute())`. */
  readonly attempt: <A>(operation: string, f: (signal: AbortSignal) => Promise<A>) => Effect.Effect<A, DatabaseError>;
  readonly transaction: RunTransaction;
  /** LISTEN. Channels are lower-case names with underscores; send with `pg_notify(channel, payload)` in a transaction. */
  readonly listen: Listen;
  /** Told after each commit that appended events: their types. For counting; does nothing unless the layer was given one. */
  readonly onAppended: OnAppended;
}

/** Must be cheap and must not throw. */
export type OnAppended = (types: ReadonlyArray<string>) => void;

export class Database extends Context.Service<Database, DatabaseShape>()("@drayage/event-log/Database") {}

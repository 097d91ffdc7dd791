import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { Database } from "../database/database.ts";
import { type DatabaseFailure, layerDatabase } from "../database/layer.ts";
import type { Migrations } from "../database/migrate.ts";
import { EventLog } from "../log/event-log.ts";
import { eventLogMigrations } from "../log/migrations.ts";
import { createTestDatabase } from "./test-server.ts";

export interface TestDatabaseOptions {
  /** Beside those of the event log. */
  readonly migrations?: ReadonlyArray<Migrations> | undefined;
  /** Default `test`. */
  readonly instance?: string | undefined;
}

/**
 * A new empty database with the tables of the log, for each time that the layer is built, on an embedded server which the
 * tests of a file share. A database costs some 50 ms.
 */
export const layerTestDatabase = (options: TestDatabaseOptions = {}): Layer.Layer<Database, DatabaseFailure> =>
  Layer.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => createTestDatabase()),
        (database) => Effect.promise(() => database.drop()),
      ),
      ({ url }) =>
        layerDatabase({
          database: { _tag: "Server", url },
          instance: options.instance ?? "test",
          migrations: [eventLogMigrations, ...(options.migrations ?? [])],
        }),
    ),
  );

/** The same with an event log on it. */
export const layerTestLog = (options: TestDatabaseOptions = {}): Layer.Layer<Database | EventLog, DatabaseFailure> =>
  Layer.provideMerge(EventLog.layer, layerTestDatabase(options));

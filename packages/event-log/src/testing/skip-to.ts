import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { Database } from "../database/database.ts";
import type { DatabaseError } from "../database/errors.ts";

/** The next event gets this position, as after many others: partitions are a million positions long. */
export const skipTo = (position: number): Effect.Effect<void, DatabaseError, Database> =>
  Effect.flatMap(Effect.service(Database), ({ kysely, attempt }) =>
    Effect.asVoid(attempt("skip", () => sql`select setval('event_position', ${position}, false)`.execute(kysely))),
  );

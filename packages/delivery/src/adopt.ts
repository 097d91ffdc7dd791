import { Database, type DatabaseError } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { LOST } from "./lost.ts";

/**
 * Hands back every lease at once, so that a start after kill -9 does not wait for them to run out. Returns how many deliveries
 * and rescans that were.
 *
 * **Only for the owner of an embedded database, before it starts its own workers.** There the owner lock proves that no other
 * process of ours runs, so whoever held these leases is dead: it sends nothing more, and what it was about to put was
 * written down as intended, so it is not taken for a stranger's. On a server other workers may be alive: taking their
 * leases would not corrupt our books (the generation moves at the next claim) but would let two of them put the same tag,
 * so there a lease has to run out.
 *
 * It counts as a lost lease and not as an attempt: whoever restarts often must not park what happened to be in work (`lost.ts`).
 */
export const releaseLeasesOfDeadWorkers = Effect.fnUntraced(function* (options: {
  /** Whether workers of deliveries are other processes, which may be alive: the bus over Pub/Sub has such. Their leases stay. */
  readonly workersElsewhere: boolean;
}): Effect.fn.Return<number, DatabaseError, Database> {
  const { transaction } = yield* Database;
  return yield* transaction("hand back the leases of dead workers", async (trx) => {
    const deliveries = await sql`
      update delivery d set ${LOST} where d.state = 'leased' and ${!options.workersElsewhere} returning 1`.execute(trx);
    const rescans = await sql`
      update rescan set lease_owner = null, lease_until = null, due_at = now()
      where lease_until is not null returning 1`.execute(trx);
    return deliveries.rows.length + rescans.rows.length;
  });
});

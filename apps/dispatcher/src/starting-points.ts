import { advanceWithin, Database, type DatabaseError, EventLog, type LogUnavailable } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { RESCANS_SUBSCRIBER } from "./subscribers.ts";

/**
 * Gives every subscriber without a checkpoint its first one.
 *
 * A new target of an installation that dispatches already starts at the head of the log: what is older is not all in the
 * log, so a full reconciliation brings it (DESIGN.md section 8). An installation that never dispatched starts at the beginning:
 * the log holds only what was told since ingest began, and an event that came a moment before the first dispatcher
 * must not be passed over. All in one transaction, so that it is known afterwards which of the two it was.
 */
export const startingPoints = Effect.fnUntraced(function* (
  subscribers: ReadonlyArray<string>,
): Effect.fn.Return<void, DatabaseError | LogUnavailable, Database | EventLog> {
  const log = yield* EventLog;
  const { transaction } = yield* Database;
  const isFirst = (yield* log.checkpoint(RESCANS_SUBSCRIBER)) === undefined;
  const to = isFirst ? 0 : yield* log.head;
  const missing: Array<string> = [];
  for (const subscriber of [...subscribers].sort()) {
    if ((yield* log.checkpoint(subscriber)) === undefined) missing.push(subscriber);
  }
  // Another dispatcher that starts at this moment may be first: then `from` is wrong, and the caller begins again.
  yield* transaction("give starting points", async (trx) => {
    for (const subscriber of missing) await advanceWithin(trx, { subscriber, from: 0, to });
  });
  for (const subscriber of missing) yield* Effect.logInfo(`${subscriber} starts after position ${to} of the log`);
});

import { noteAppended } from "../database/appended-in.ts";
import { checkEvents } from "./check-event.ts";
import { EventInvalid } from "./errors.ts";
import { insertEvents, newTypes, type OpenTransaction } from "./insert.ts";
import type { Appended, NewEvent } from "./model.ts";

/**
 * Appends as a part of the caller's transaction: the events are there exactly when it commits.
 *
 * Call it last. From here to the commit the transaction holds the lock that every other append waits for, so nothing slow
 * may follow, and no lock that another appender may hold already while it waits for ours (a deadlock). Rejects with
 * `EventInvalid`, or with what the database says, after which the transaction can only be rolled back.
 */
export const appendWithin = async (
  trx: OpenTransaction,
  events: ReadonlyArray<NewEvent>,
): Promise<ReadonlyArray<Appended>> => {
  const checked = checkEvents(events);
  if (checked instanceof EventInvalid) throw checked;
  const appended = await insertEvents(trx, checked);
  noteAppended(trx, newTypes(checked, appended));
  return appended;
};

import { Database, type DatabaseError, EventInvalid, type RecordedEvent } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type { Batch, Dispatch, Told } from "./dispatch-batch.ts";

/** Classes of SQLSTATE by which the database refuses these values, and would refuse them again: data, constraints, limits of the program. */
const REFUSED = ["22", "23", "54"];

const isRefused = ({ code, cause }: DatabaseError): boolean =>
  cause instanceof EventInvalid || REFUSED.some((sqlstate) => code?.startsWith(sqlstate) === true);

/**
 * A batch in one transaction. When the database refuses what is made of it, the batch is halved until the event is found that it refuses;
 * that one is passed over and told, so that it holds up none behind it (invariant 7), and nothing else is: an error that says nothing about
 * the values (a table that is missing, a right, a connection) fails the whole batch.
 */
export const dispatchAll = (dispatch: Dispatch, batch: Batch): Effect.Effect<Told, DatabaseError, Database> =>
  Effect.gen(function* () {
    const { transaction } = yield* Database;
    return yield* transaction(`dispatch ${batch.subscriber}`, (trx) => dispatch(trx, batch));
  }).pipe(
    Effect.catchIf(isRefused, (error) => {
      const [first] = batch.events;
      if (first === undefined) return Effect.fail(error);
      return batch.events.length === 1 ? passOver(dispatch, batch, first, error) : inHalves(dispatch, batch);
    }),
  );

const passOver = (dispatch: Dispatch, batch: Batch, { position, type }: RecordedEvent, error: DatabaseError) =>
  Effect.map(
    dispatchAll(dispatch, { ...batch, events: [] }),
    (told): Told => ({ ...told, broken: [...told.broken, { position, type, reason: error.message }] }),
  );

const inHalves = Effect.fnUntraced(function* (dispatch: Dispatch, batch: Batch) {
  const half = Math.ceil(batch.events.length / 2);
  const before = batch.events.slice(0, half);
  const middle = before.at(-1)?.position ?? batch.from;
  const one = yield* dispatchAll(dispatch, { ...batch, to: middle, events: before });
  const two = yield* dispatchAll(dispatch, { ...batch, from: middle, events: batch.events.slice(half) });
  return { broken: [...one.broken, ...two.broken], unmappable: [...one.unmappable, ...two.unmappable] };
});

import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Kysely, Transaction } from "kysely";
import { appendedIn } from "./appended-in.ts";
import type { OnAppended } from "./database.ts";
import { type DatabaseError, toDatabaseError } from "./errors.ts";

/** An open transaction. Other packages bring their tables with `trx.withTables<Tables>()`. */
export type Trx = Transaction<object>;

/**
 * One transaction (read committed): commits when the body succeeds, rolls back on failure, defect and interruption.
 * A transient failure may hide a commit that went through, so the body must bear to be run again.
 */
export interface RunTransaction {
  <A, E, R>(name: string, body: (trx: Trx) => Effect.Effect<A, E, R>): Effect.Effect<A, E | DatabaseError, R>;
  /** What the promise rejects with becomes a `DatabaseError`; a bug (TypeError, BrokenInvariant) becomes a defect. */
  <A>(name: string, body: (trx: Trx) => Promise<A>): Effect.Effect<A, DatabaseError>;
}

type Body<A, E, R> = (trx: Trx) => Effect.Effect<A, E, R> | Promise<A>;

export const makeTransaction = (kysely: Kysely<object>, onAppended: OnAppended): RunTransaction => {
  const at = <B>(step: string, f: () => Promise<B>): Effect.Effect<B, DatabaseError> =>
    Effect.tryPromise({ try: f, catch: toDatabaseError(step) });

  const tell = (trx: Trx): void => {
    const types = appendedIn(trx);
    if (types.length > 0) onAppended(types);
  };

  function run<A, E, R>(
    name: string,
    body: (trx: Trx) => Effect.Effect<A, E, R>,
  ): Effect.Effect<A, E | DatabaseError, R>;
  function run<A>(name: string, body: (trx: Trx) => Promise<A>): Effect.Effect<A, DatabaseError>;
  function run<A, E, R>(name: string, body: Body<A, E, R>): Effect.Effect<A, E | DatabaseError, R> {
    const inside = (trx: Trx) =>
      Effect.suspend((): Effect.Effect<A, E | DatabaseError, R> => {
        const made = body(trx);
        return Effect.isEffect(made) ? made : at(name, () => made);
      });
    return Effect.acquireUseRelease(
      at(`${name} (begin)`, () => kysely.startTransaction().execute()),
      (trx) =>
        Effect.tap(inside(trx), () =>
          Effect.tap(
            at(`${name} (commit)`, () => trx.commit().execute()),
            () => Effect.sync(() => tell(trx)),
          ),
        ),
      // After a failed commit too: it is what gives the connection back.
      (trx, exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.ignore(at(`${name} (rollback)`, () => trx.rollback().execute())),
    );
  }
  return run;
};
